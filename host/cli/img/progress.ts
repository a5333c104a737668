// -p: one line redrawn, as qemu-img prints it: `    (12.34/100%)` and a carriage return, at each percent gained.
export class Progress {
  private shown = -1;

  constructor(private readonly enabled: boolean) {
    this.report(0, 1);
  }

  report(done: number, total: number): void {
    const percent = total === 0 ? 100 : (done / total) * 100;
    if (!this.enabled || (percent < this.shown + 1 && percent < 100)) return;
    if (percent === this.shown && percent < 100) return;
    this.shown = percent;
    process.stdout.write(`    (${percent.toFixed(2)}/100%)\r`);
  }

  end(): void {
    this.report(1, 1);
    if (this.enabled) process.stdout.write("\n");
  }
}
