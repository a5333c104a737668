// How far work has come. -p: one line redrawn, as qemu-img prints it: `    (12.34/100%)` and a carriage return, at each
// percent gained. Without it, SIGUSR1 asks for one such line on stderr.
import process from "node:process";

const ASK = "SIGUSR1";

export class Progress {
  private shown = -1;
  private percent = 0;
  private readonly onAsked = (): void => {
    if (!this.enabled) process.stderr.write(`    (${this.percent.toFixed(2)}/100%)\n`);
  };

  constructor(private readonly enabled: boolean) {
    process.on(ASK, this.onAsked);
    this.report(0, 1);
  }

  report(done: number, total: number): void {
    const percent = total === 0 ? 100 : (done / total) * 100;
    this.percent = percent;
    if (!this.enabled || (percent < this.shown + 1 && percent < 100)) return;
    if (percent === this.shown && percent < 100) return;
    this.shown = percent;
    process.stdout.write(`    (${percent.toFixed(2)}/100%)\r`);
  }

  end(): void {
    process.off(ASK, this.onAsked);
    this.report(1, 1);
    if (this.enabled) process.stdout.write("\n");
  }
}
