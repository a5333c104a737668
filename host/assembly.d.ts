// AssemblyScript's types, for those of the engine's tables of constants that the host reads from its source.
type u32 = number;
type bool = boolean;
