// What a format's own file offers to the rest of the house.
import type { BlockOptions } from "../block/options.ts";
import type { BlockSource, ImageFile } from "../block/source.ts";
import type { OpenMode, Runtime } from "../runtimes/runtime.ts";
import type { DiskImage } from "./image.ts";
import type { Watch } from "./watch.ts";

export type { ImageFile };

/** Passphrases by the id that images name them by. */
export type Secrets = ReadonlyMap<string, Uint8Array>;

/** A file that is being made. */
export type NewFile = ImageFile & Required<Pick<BlockSource, "write" | "flush" | "resize">>;

export interface OpenContext {
  runtime: Runtime;
  /** How messages call the image. */
  name: string;
  /** Closed by the opener if the driver throws. */
  file: ImageFile;
  /** Takes out what the driver understands; what is left is refused. Children (file, backing) are out already. */
  options: BlockOptions;
  readOnly: boolean;
  /** For check: what is too damaged to be used is opened as far as can be. */
  tolerant: boolean;
  /** Files that the image names may be opened. */
  chain: boolean;
  /** False, for info: no key is asked for, and no guest byte read. */
  unlock: boolean;
  secrets: Secrets;
  /** Opens the image itself where its options name no secret. */
  passphrase?: Uint8Array | undefined;
  /** Tells the user what is odd about an image that opens all the same. */
  warn(sentence: string): void;
  /** Opens another file that the image names, relative to the image's folder. */
  openNamed(name: string, mode?: OpenMode): Promise<ImageFile>;
  /** Opens the child of that name if the options describe one: `data-file` of qcow2. */
  openChild(key: "data-file"): Promise<ImageFile | undefined>;
}

/** One option of `create -o`, as `-o help` lists it. */
export interface CreateOption {
  name: string;
  type: "str" | "size" | "num" | "bool";
  help: string;
  /** What is said, and done, where the user says nothing. */
  otherwise?: string;
}

/** Options by name, parsed by their type. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface CreateContext {
  runtime: Runtime;
  name: string;
  /** Empty, and the new image's alone until it is complete. */
  file: NewFile;
  /** Bytes, a multiple of 512. */
  size: number;
  settings: Settings;
  secrets: Secrets;
  backingFile?: string | undefined;
  backingFormat?: string | undefined;
  openBacking(): Promise<DiskImage>;
  /** Makes a further file of the image, in the image's folder. */
  createNamed(name: string): Promise<NewFile>;
}

export interface AmendContext extends Watch {
  secrets: Secrets;
  /** --force: what cannot be undone is done. */
  force: boolean;
}

export interface Driver {
  open(context: OpenContext): Promise<DiskImage>;
  /** Absent: images of this format are only read. */
  create?(context: CreateContext): Promise<void>;
  /** In the order in which they are said when an image is made; `size`, `backing_file` and `backing_fmt` among them. */
  options?: readonly CreateOption[];
  /** Refuses, before anything is written, what cannot be made. */
  checkOptions?(size: number, settings: Settings): void;
  /** What `amend -o` can change of an existing image; absent: nothing. */
  amendOptions?: readonly CreateOption[];
  amend?(image: DiskImage, settings: Settings, how: AmendContext): Promise<void>;
}

export const SIZE_OPTION: CreateOption = { name: "size", type: "size", help: "Virtual disk size" };
