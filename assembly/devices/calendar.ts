// The proleptic Gregorian calendar, counted in days from 1 January 1970. Years begin in March here, so that the
// leap day is the last of its year and months need no table.

const DAYS_IN_400_YEARS: i32 = 146_097;
/** Days from 1 March 0000 to 1 January 1970. */
const DAYS_TO_1970: i32 = 719_468;

/** year << 9 | month << 5 | day */
export function daysToDate(days: i32): u32 {
  const shifted = days + DAYS_TO_1970;
  const era = (shifted >= 0 ? shifted : shifted - DAYS_IN_400_YEARS + 1) / DAYS_IN_400_YEARS;
  const inEra = shifted - era * DAYS_IN_400_YEARS;
  const year = (inEra - inEra / 1460 + inEra / 36_524 - inEra / 146_096) / 365;
  const inYear = inEra - (365 * year + year / 4 - year / 100);
  const fromMarch = (5 * inYear + 2) / 153;
  const day = inYear - (153 * fromMarch + 2) / 5 + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return <u32>(((year + era * 400 + (month <= 2 ? 1 : 0)) << 9) | (month << 5) | day);
}

export function dateToDays(year: i32, month: i32, day: i32): i32 {
  const fromMarch = month > 2 ? month - 3 : month + 9;
  const shifted = month > 2 ? year : year - 1;
  const era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const inEra = shifted - era * 400;
  const inYear = (153 * fromMarch + 2) / 5 + day - 1;
  return era * DAYS_IN_400_YEARS + inEra * 365 + inEra / 4 - inEra / 100 + inYear - DAYS_TO_1970;
}
