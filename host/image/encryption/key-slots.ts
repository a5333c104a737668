// Changing the key slots of a LUKS header, as `amend` asks for: a passphrase more, or one, or one slot, less.
import { UserError } from "../../core/errors.ts";
import type { AmendContext, CreateOption, Secrets, Settings } from "../driver.ts";
import { DEFAULT_ITER_TIME, secretOf } from "./encryption.ts";
import { SLOTS } from "./luks-header.ts";
import type { LuksVolume } from "./luks-keys.ts";

/** What `amend -o` takes. */
export const KEY_SLOT_OPTIONS: readonly CreateOption[] = [
  { name: "state", type: "str", help: "Select new state of affected keyslots (active/inactive)" },
  {
    name: "new-secret",
    type: "str",
    help: "New secret to set in the matching keyslots. Empty string to erase",
  },
  { name: "old-secret", type: "str", help: "Select all keyslots that match this password" },
  { name: "keyslot", type: "num", help: "Select a single keyslot to modify explicitly" },
  { name: "iter-time", type: "num", help: "Time to spend in PBKDF in milliseconds" },
];

function refusal(sentence: string): UserError {
  return new UserError(sentence, "EINVAL");
}

/** The keys in `settings` have `prefix` before them. */
export async function amendKeySlots(
  volume: LuksVolume,
  masterKey: Uint8Array,
  settings: Settings,
  { secrets, force }: Pick<AmendContext, "secrets" | "force">,
  prefix = "",
): Promise<void> {
  const text = (name: string): string | undefined => settings[prefix + name] as string | undefined;
  const state = text("state");
  if (state === undefined) throw refusal("Parameter 'state' is missing");
  if (state !== "active" && state !== "inactive")
    throw refusal(`Parameter 'state' does not accept value '${state}'`);
  const keySlot = settings[`${prefix}keyslot`] as number | undefined;
  const newSecret = text("new-secret");
  const oldSecret = text("old-secret");
  const iterTime = settings[`${prefix}iter-time`] as number | undefined;
  if (state === "active") {
    if (newSecret === undefined) throw refusal("'new-secret' is required to activate a keyslot");
    if (oldSecret !== undefined) throw refusal("'old-secret' must not be given when activating keyslots");
    const slot = slotToFill(volume, keySlot, force);
    await volume.fillSlot(slot, masterKey, secretOf(secrets, newSecret), iterTime ?? DEFAULT_ITER_TIME);
    return;
  }
  if (newSecret !== undefined) throw refusal("'new-secret' must not be given when erasing keyslots");
  if (iterTime !== undefined) throw refusal("'iter-time' must not be given when erasing keyslots");
  for (const slot of await slotsToErase(volume, keySlot, oldSecret, secrets, force))
    await volume.eraseSlot(slot);
}

function requireSlot(index: number): number {
  if (index >= 0 && index < SLOTS) return index;
  throw refusal(`Invalid keyslot ${index >>> 0} specified, must be between 0 and ${SLOTS - 1}`);
}

function slotToFill({ header: { slots } }: LuksVolume, wanted: number | undefined, force: boolean): number {
  if (wanted === undefined) {
    const free = slots.findIndex(({ active }) => !active);
    if (free < 0) throw refusal("Can't add a keyslot - all keyslots are in use");
    return free;
  }
  const slot = requireSlot(wanted);
  if (slots[slot]!.active && !force)
    throw refusal(`Refusing to overwrite active keyslot ${slot} - please erase it first`);
  return slot;
}

/** Never all that open the image, unless forced to. */
async function slotsToErase(
  volume: LuksVolume,
  wanted: number | undefined,
  oldSecret: string | undefined,
  secrets: Secrets,
  force: boolean,
): Promise<number[]> {
  const old = oldSecret === undefined ? undefined : secretOf(secrets, oldSecret);
  const active = volume.header.slots.flatMap((slot, index) => (slot.active ? [index] : []));
  if (wanted !== undefined) {
    const slot = requireSlot(wanted);
    if (old && !(await volume.openSlot(slot, old)))
      throw refusal(`Given keyslot ${slot} doesn't contain the given old password for erase operation`);
    if (!active.includes(slot) && !force)
      throw refusal(`Given keyslot ${slot} is already erased (inactive) `);
    if (active.length === 1 && active[0] === slot && !force)
      throw refusal(
        `Attempt to erase the only active keyslot ${slot} which will erase all the data in the image irreversibly` +
          " - refusing operation",
      );
    return [slot];
  }
  if (!old)
    throw refusal(
      "To erase keyslot(s), either explicit keyslot index or the password currently contained in them must be given",
    );
  const matching: number[] = [];
  for (const slot of active) if (await volume.openSlot(slot, old)) matching.push(slot);
  if (matching.length === 0) throw refusal("No keyslots match given (old) password for erase operation");
  if (matching.length === active.length && !force)
    throw refusal(
      "All the active keyslots match the (old) password that was given and erasing them will erase all the data in the" +
        " image irreversibly - refusing operation",
    );
  return matching;
}
