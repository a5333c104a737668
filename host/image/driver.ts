// What a format's own file offers to the rest of the house.
import type { BlockSource } from "../block/source.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { DiskImage } from "./image.ts";

/** A file that holds an image, or part of one. */
export type ImageFile = BlockSource & { allocated(): Promise<number | undefined> };

/** A file that is being made. */
export type NewFile = BlockSource & Required<Pick<BlockSource, "write" | "flush" | "resize">>;

export interface OpenContext {
  runtime: Runtime;
  /** The name that the image was opened by. */
  name: string;
  file: ImageFile;
  readOnly: boolean;
  /** For check: what is too damaged to be used is opened as far as can be. */
  tolerant: boolean;
  /** Opens another file that the image names, relative to the image's folder. */
  openNamed(name: string): Promise<ImageFile>;
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
  backingFile?: string | undefined;
  backingFormat?: string | undefined;
  /** Makes a further file of the image, in the image's folder. */
  createNamed(name: string): Promise<NewFile>;
}

export interface Driver {
  open(context: OpenContext): Promise<DiskImage>;
  /** Absent: images of this format are only read. */
  create?(context: CreateContext): Promise<void>;
  /** In the order in which they are said when an image is made; `size`, `backing_file` and `backing_fmt` among them. */
  options?: readonly CreateOption[];
  /** Refuses, before anything is written, what cannot be made. */
  checkOptions?(size: number, settings: Settings): void;
}

export const SIZE_OPTION: CreateOption = { name: "size", type: "size", help: "Virtual disk size" };
