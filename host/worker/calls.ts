// Two threads that call each other's functions by messages. Both ends are alike: each serves verbs of its own and calls
// those of the other. Calls are carried out in the order in which they were made; answers come when they are ready.
import { codeOf, isExpected, reason, UserError } from "../core/errors.ts";
import type { Movable } from "../runtimes/runtime.ts";

/** An argument or answer of which parts move to the other thread instead of being copied. */
export class Moved<T> {
  constructor(
    readonly value: T,
    readonly parts: Movable[],
  ) {}
}

type Awaitable<T> = T | Promise<T>;
type Plain<T> = T extends Moved<infer V> ? V : T;
type Answer<F> = F extends (...args: never[]) => Awaitable<infer R> ? Plain<Awaited<R>> : never;
type Arguments<F> = F extends (...args: infer A) => unknown ? { [N in keyof A]: A[N] | Moved<A[N]> } : never;

interface Failure {
  message: string;
  code: string | undefined;
  /** Whose stack helps to find a bug of ours; undefined: a user can act on the message. */
  stack: string | undefined;
}

type Message =
  /** Without `id` nobody waits for the answer. */
  | { kind: "call"; id?: number; verb: string; args: unknown[] }
  | { kind: "answer"; id: number; value: unknown }
  | { kind: "failure"; id: number; failure: Failure };

interface Waiting {
  settle(value: unknown): void;
  fail(error: Error): void;
}

export class Calls<Theirs> {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private ended: Error | undefined;

  /** `send` posts to the other end; `serve` are the verbs of this one; `busy` learns whether an answer is awaited. */
  constructor(
    private readonly send: (message: unknown, transfer: Movable[]) => void,
    private readonly serve: object,
    private readonly busy: (waits: boolean) => void = () => {},
  ) {}

  /** Asks the other end to do something; rejects as it does there. */
  call<K extends keyof Theirs & string>(verb: K, ...args: Arguments<Theirs[K]>): Promise<Answer<Theirs[K]>> {
    if (this.ended) return Promise.reject(this.ended);
    const id = ++this.lastId;
    if (this.waiting.size === 0) this.busy(true);
    return new Promise((settle, fail) => {
      this.waiting.set(id, { settle: settle as Waiting["settle"], fail });
      try {
        this.post({ kind: "call", id, verb, args });
      } catch (error) {
        this.take(id);
        fail(error as Error);
      }
    });
  }

  /** The same where nobody cares when it is done. */
  tell<K extends keyof Theirs & string>(verb: K, ...args: Arguments<Theirs[K]>): void {
    if (!this.ended) this.post({ kind: "call", verb, args });
  }

  /** A message from the other end. */
  receive(data: unknown): void {
    const message = data as Message;
    switch (message.kind) {
      case "call":
        void this.carryOut(message.verb, message.args, message.id);
        break;
      case "answer":
        this.take(message.id)?.settle(message.value);
        break;
      case "failure":
        this.take(message.id)?.fail(errorFrom(message.failure));
    }
  }

  /** There is no other end any more: what is under way, and what is asked from now on, fails. */
  end(error: Error): void {
    this.ended ??= error;
    for (const id of this.waiting.keys()) this.take(id)!.fail(this.ended);
  }

  private take(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (waiting && this.waiting.size === 0) this.busy(false);
    return waiting;
  }

  private async carryOut(verb: string, args: unknown[], id: number | undefined): Promise<void> {
    try {
      const verbs = this.serve as Record<string, (...given: unknown[]) => unknown>;
      const value = await verbs[verb]!(...args);
      if (id !== undefined) this.post({ kind: "answer", id, value });
    } catch (error) {
      if (id === undefined) throw error;
      this.post({ kind: "failure", id, failure: failureOf(error) });
    }
  }

  private post(message: Message): void {
    const transfer: Movable[] = [];
    const open = (value: unknown): unknown => {
      if (!(value instanceof Moved)) return value;
      transfer.push(...value.parts);
      return value.value;
    };
    if (message.kind === "call") message.args = message.args.map(open);
    else if (message.kind === "answer") message.value = open(message.value);
    this.send(message, transfer);
  }
}

function failureOf(error: unknown): Failure {
  return isExpected(error)
    ? { message: reason(error), code: codeOf(error), stack: undefined }
    : {
        message: error instanceof Error ? error.message : String(error),
        code: undefined,
        stack: error instanceof Error ? error.stack : undefined,
      };
}

function errorFrom({ message, code, stack }: Failure): Error {
  if (stack === undefined) return new UserError(message, code);
  const error = new Error(message);
  error.stack = stack;
  return error;
}
