// The list of what is plugged into the machine that is being put together.
import { element, make, sizeInWords } from "./elements.ts";
import { type Role, roleOf, roleOfAddress, ROLES } from "./roles.ts";
import type { KeptDisk, Origin } from "./disk-protocol.ts";

export interface Part {
  role: Role;
  name: string;
  /** Undefined: a kept disk over nothing. */
  origin: Origin | undefined;
  /** The disk of this browser that it is; a hard disk without one gets one when the machine starts. */
  kept?: KeptDisk;
}

export class Parts {
  private parts: Part[] = [];

  /** `changed` is called with every change. */
  constructor(private readonly changed: () => void) {}

  get all(): readonly Part[] {
    return this.parts;
  }

  async addFiles(files: Iterable<File>): Promise<void> {
    for (const file of files) this.add({ role: await roleOf(file), name: file.name, origin: file });
  }

  addAddress(address: string): void {
    const { pathname, hostname } = new URL(address);
    const name = decodeURIComponent(pathname.split("/").at(-1)!).replaceAll("/", " ") || hostname;
    this.add({ role: roleOfAddress(address), name, origin: address });
  }

  /** These and no others. */
  replace(parts: readonly Part[]): void {
    this.parts = [...parts];
    this.show();
  }

  addKept(kept: KeptDisk, origin: Origin | undefined): void {
    this.add({ role: "disk", name: kept.name, origin, kept });
  }

  /** The disks that there are now: parts that lie on one know it. */
  know(disks: readonly KeptDisk[]): void {
    this.parts = this.parts.filter(
      ({ origin, kept }) => origin !== undefined || disks.some(({ path }) => path === kept?.path),
    );
    for (const part of this.parts) {
      const kept = disks.find(({ name }) => part.role === "disk" && name === part.name);
      if (kept) part.kept = kept;
      else delete part.kept;
    }
    this.show();
  }

  private add(part: Part): void {
    const isSingle = part.role !== "disk";
    this.parts = [
      ...this.parts.filter(({ role, name }) => (isSingle ? role !== part.role : name !== part.name)),
      part,
    ];
    this.show();
  }

  remove(part: Part): void {
    this.parts = this.parts.filter((other) => other !== part);
    this.show();
  }

  show(): void {
    element("parts").replaceChildren(...this.parts.map((part) => this.row(part)));
    element("machine-parts").hidden = this.parts.length === 0;
    element("command-line-field").hidden = !this.parts.some(({ role }) => role === "kernel");
    this.changed();
  }

  private row(part: Part): HTMLLIElement {
    const roles = Object.entries(ROLES).map(([value, text]) =>
      make("option", { value, text, selected: value === part.role }),
    );
    const select = make("select", { ariaLabel: `What ${part.name} is` }, ...roles);
    select.disabled = part.kept !== undefined;
    select.addEventListener("change", () => {
      part.role = select.value as Role;
      this.show();
    });
    const remove = make("button", { type: "button", ariaLabel: `Unplug ${part.name}` }, "Unplug");
    remove.addEventListener("click", () => this.remove(part));
    const name = make("span", { className: "name" }, part.name);
    return make("li", {}, name, make("span", { className: "facts" }, factsOf(part)), select, remove);
  }
}

function factsOf({ origin, role, kept }: Part): string {
  const size = kept
    ? sizeInWords(kept.size)
    : origin instanceof File
      ? sizeInWords(origin.size)
      : "by address";
  return role === "disk" ? `${size}; changes stay in this browser` : `${size}; read only`;
}
