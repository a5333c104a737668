// QMP commands that press keys and move the mouse.
import { UserError } from "../../core/errors.ts";
import { BUTTON } from "../../input/input.ts";
import { type Key, keyNamed } from "../../input/keys.ts";
import type { MonitorHost } from "../host.ts";
import { type Arguments, checkArguments, isObject, type QmpCommand } from "./command.ts";

/** A KeyValue: {"type": "qcode", "data": "a"}, or a "number" of scan code set 1 with bit 7 for E0 in front. */
function keyName(value: unknown): string {
  if (!isObject(value)) throw new UserError("Invalid parameter type for 'keys', expected: object");
  const { type, data } = value;
  if (type !== "qcode" && type !== "number")
    throw new UserError(`Parameter 'type' does not accept value '${String(type)}'`);
  const name = type === "number" ? `0x${Number(data).toString(16).padStart(2, "0")}` : String(data);
  if (!keyNamed(name)) throw new UserError(`Parameter 'data' does not accept value '${String(data)}'`);
  return name;
}

function keyOf(value: unknown): Key {
  return keyNamed(keyName(value))!;
}

const BUTTONS: Readonly<Record<string, number>> = {
  left: BUTTON.left,
  right: BUTTON.right,
  middle: BUTTON.middle,
};
const WHEEL: Readonly<Record<string, number>> = { "wheel-up": -1, "wheel-down": 1 };

/** What an InputEvent does; asked for before any of a list acts. */
function actionOf(event: unknown): (host: MonitorHost) => void {
  if (!isObject(event)) throw new UserError("Invalid parameter type for 'events', expected: object");
  checkArguments({ type: "string", data: "object" }, event);
  const { type } = event;
  const data = event["data"] as Arguments;
  switch (type) {
    case "key": {
      checkArguments({ down: "boolean", key: "object" }, data);
      const key = keyOf(data["key"]);
      return ({ machine }) => machine.keyboard.event(key, data["down"] as boolean);
    }
    case "rel": {
      checkArguments({ axis: "string", value: "integer" }, data);
      const value = data["value"] as number;
      if (data["axis"] === "x") return ({ machine }) => machine.mouse.move(value, 0);
      if (data["axis"] === "y") return ({ machine }) => machine.mouse.move(0, value);
      throw new UserError(`Parameter 'axis' does not accept value '${String(data["axis"])}'`);
    }
    case "btn":
      checkArguments({ down: "boolean", button: "string" }, data);
      return buttonAction(data["button"] as string, data["down"] as boolean);
    case "abs":
      throw new UserError("Input handler not found for event type abs");
    default:
      throw new UserError(`Parameter 'type' does not accept value '${String(type)}'`);
  }
}

function buttonAction(name: string, down: boolean): (host: MonitorHost) => void {
  const notches = WHEEL[name];
  if (notches !== undefined) return ({ machine }) => down && machine.mouse.move(0, 0, notches);
  const button = BUTTONS[name];
  if (button === undefined) throw new UserError(`Parameter 'button' does not accept value '${name}'`);
  return ({ machine }) => machine.mouse.press(button, down);
}

export const INPUT: readonly QmpCommand[] = [
  {
    name: "send-key",
    parameters: { keys: "array", "hold-time": "integer?" },
    run({ machine }, given) {
      const names = (given["keys"] as unknown[]).map(keyName);
      void machine.keyboard.sendKey(names.join("-"), given["hold-time"] as number | undefined);
    },
  },
  {
    name: "input-send-event",
    parameters: { device: "string?", head: "integer?", events: "array" },
    run(host, given) {
      for (const act of (given["events"] as unknown[]).map(actionOf)) act(host);
    },
  },
];
