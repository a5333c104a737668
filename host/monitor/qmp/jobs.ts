// Jobs: long work that a client starts, follows by events and query-jobs, and dismisses when it is concluded. The
// states and their order are QEMU's (docs/interop, QMP reference: "Background jobs").
import { isExpected, reason, UserError } from "../../core/errors.ts";

export type JobStatus =
  | "created"
  | "running"
  | "waiting"
  | "pending"
  | "aborting"
  | "concluded"
  /** Gone. */
  | "null";

interface Job {
  id: string;
  type: string;
  status: JobStatus;
  error?: string;
}

type Listener = (id: string, status: JobStatus) => void;

export class Jobs {
  private readonly jobs = new Map<string, Job>();
  private readonly listeners = new Set<Listener>();

  /** Calls `listener` whenever a job gets another status. */
  on(listener: Listener): void {
    this.listeners.add(listener);
  }

  /** Starts `work`; what goes wrong with it is the job's to tell. */
  start(id: string, type: string, work: () => Promise<void>): void {
    if (this.jobs.has(id)) throw new UserError(`Job ID '${id}' already in use`);
    const job: Job = { id, type, status: "created" };
    this.jobs.set(id, job);
    this.become(job, "created", "running");
    void work().then(
      () => this.become(job, "waiting", "pending", "concluded"),
      (error: unknown) => {
        if (!isExpected(error)) throw error;
        job.error = reason(error);
        this.become(job, "aborting", "concluded");
      },
    );
  }

  dismiss(id: string): void {
    const job = this.jobs.get(id);
    if (!job) throw new UserError("Job not found");
    if (job.status !== "concluded")
      throw new UserError(`Job '${id}' in state '${job.status}' cannot accept command verb 'dismiss'`);
    this.jobs.delete(id);
    this.become(job, "null");
  }

  /** As query-jobs answers: the newest first. */
  list(): object[] {
    return [...this.jobs.values()].toReversed().map(({ id, type, status, error }) => ({
      "current-progress": status === "concluded" ? 1 : 0,
      status,
      "total-progress": 1,
      type,
      id,
      error,
    }));
  }

  private become(job: Job, ...statuses: JobStatus[]): void {
    for (const status of statuses) {
      job.status = status;
      for (const listener of this.listeners) listener(job.id, status);
    }
  }
}
