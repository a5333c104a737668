// Codes of limited length from frequencies: what both RFC 1951 alphabets are sent with.

/** Scratch: nodes of the tree (weight, parent) and the leaves in order of weight. */
let nodes: usize = 0;
let order: usize = 0;

/** Bytes of scratch that `buildLengths` needs for `count` symbols. */
export function scratchSize(count: u32): usize {
  return ((<usize>count) << 4) + ((<usize>count) << 2);
}

function weight(node: u32): u32 {
  return load<u32>(nodes + ((<usize>node) << 3));
}

/** Writes the code length of each of `count` symbols, 0 for those that do not occur; none above `limit`. */
export function buildLengths(
  frequencies: usize,
  lengths: usize,
  count: u32,
  limit: u32,
  scratch: usize,
): void {
  nodes = scratch;
  order = scratch + ((<usize>count) << 4);
  memory.fill(lengths, 0, count);
  const used = sortByFrequency(frequencies, count);
  if (used == 0) return;
  if (used == 1) {
    store<u8>(lengths + load<u32>(order), 1);
    return;
  }
  joinNodes(frequencies, used);
  // Depths from the root down; the parent of every node has a higher number.
  const root = 2 * used - 2;
  store<u32>(nodes + ((<usize>root) << 3), 0);
  let overflow: u32 = 0;
  for (let node: i32 = <i32>root - 1; node >= 0; node--) {
    const at = nodes + ((<usize>node) << 3);
    const depth = load<u32>(nodes + ((<usize>load<u32>(at, 4)) << 3)) + 1;
    store<u32>(at, depth);
    if (<u32>node >= used) continue;
    if (depth > limit) overflow++;
    store<u8>(lengths + load<u32>(order + ((<usize>node) << 2)), <u8>min(depth, limit));
  }
  if (overflow != 0) shorten(lengths, used, limit);
}

/** Symbols that occur, rarest first (shell sort: at most 288 of them). */
function sortByFrequency(frequencies: usize, count: u32): u32 {
  let used: u32 = 0;
  for (let symbol: u32 = 0; symbol < count; symbol++) {
    if (load<u32>(frequencies + ((<usize>symbol) << 2)) == 0) continue;
    store<u32>(order + ((<usize>used) << 2), symbol);
    used++;
  }
  for (let gap = used >> 1; gap > 0; gap >>= 1) {
    for (let i = gap; i < used; i++) {
      const symbol = load<u32>(order + ((<usize>i) << 2));
      const own = load<u32>(frequencies + ((<usize>symbol) << 2));
      let at = i;
      while (at >= gap) {
        const other = load<u32>(order + ((<usize>(at - gap)) << 2));
        if (load<u32>(frequencies + ((<usize>other) << 2)) <= own) break;
        store<u32>(order + ((<usize>at) << 2), other);
        at -= gap;
      }
      store<u32>(order + ((<usize>at) << 2), symbol);
    }
  }
  return used;
}

/** Huffman's joining with two queues: leaves by weight, and joined nodes, which come out by weight by themselves. */
function joinNodes(frequencies: usize, used: u32): void {
  for (let i: u32 = 0; i < used; i++) {
    const symbol = load<u32>(order + ((<usize>i) << 2));
    store<u32>(nodes + ((<usize>i) << 3), load<u32>(frequencies + ((<usize>symbol) << 2)));
  }
  let leaf: u32 = 0;
  let joined = used;
  for (let next = used; next < 2 * used - 1; next++) {
    let sum: u32 = 0;
    for (let side = 0; side < 2; side++) {
      const takeLeaf = leaf < used && (joined >= next || weight(leaf) <= weight(joined));
      const child = takeLeaf ? leaf++ : joined++;
      sum += weight(child);
      store<u32>(nodes + ((<usize>child) << 3), next, 4);
    }
    store<u32>(nodes + ((<usize>next) << 3), sum);
  }
}

/**
 * Cutting lengths at the limit made the code too full: the rarest symbols below it give way until it fits. What is
 * then left over goes to the most frequent that can use it, since a code must be complete (zlib refuses others).
 */
function shorten(lengths: usize, used: u32, limit: u32): void {
  const full: u32 = 1 << limit;
  let space: u32 = 0;
  for (let i: u32 = 0; i < used; i++) space += full >> load<u8>(lengthAt(lengths, i));
  for (let i: u32 = 0; i < used && space > full; i++) {
    const at = lengthAt(lengths, i);
    while (load<u8>(at) < limit && space > full) {
      const length = load<u8>(at) + 1;
      store<u8>(at, length);
      space -= full >> length;
    }
  }
  while (space < full) {
    for (let i = used; i > 0 && space < full; i--) {
      const at = lengthAt(lengths, i - 1);
      const length = load<u8>(at);
      if (length == 1 || full >> length > full - space) continue;
      store<u8>(at, length - 1);
      space += full >> length;
    }
  }
}

/** Where the length of the symbol that is `rank`th by frequency is kept. */
function lengthAt(lengths: usize, rank: u32): usize {
  return lengths + load<u32>(order + ((<usize>rank) << 2));
}
