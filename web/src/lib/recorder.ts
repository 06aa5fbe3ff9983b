// What a recorder wrote, for people: each fact with where it stands. Pure functions.

import { hertz } from "./format";
import type { RecordingDocument, Stated } from "./types";

export interface Fact {
  name: string;
  value: string;
  source: string;
}

const source_words: Record<string, string> = {
  guano: "GUANO", wamd: "Wildlife Acoustics’ chunk", audiomoth: "AudioMoth’s comment", bext: "bext", ixml: "iXML", tags: "tags of the file", "file name": "the file’s name",
};
export function source_in_words(source: string | null | undefined): string {
  return source ? (source_words[source] ?? source) : "";
}

/** 5.25 h as "UTC+05:15"; 0 as "UTC". */
export function zone_in_words(utc_offset_s: number | null): string {
  if (utc_offset_s === null) return "";
  if (utc_offset_s === 0) return "UTC";
  const minutes = Math.round(Math.abs(utc_offset_s) / 60);
  const two = (n: number) => String(n).padStart(2, "0");
  return `UTC${utc_offset_s < 0 ? "−" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export function place_in_words(latitude_deg: number, longitude_deg: number): string {
  return `${Math.abs(latitude_deg).toFixed(5)}° ${latitude_deg < 0 ? "S" : "N"}, ${Math.abs(longitude_deg).toFixed(5)}° ${longitude_deg < 0 ? "W" : "E"}`;
}

/** Only what is stated. */
export function facts_of(document: RecordingDocument): Fact[] {
  const facts: Fact[] = [];
  const add = (name: string, value: string, source: string | null | undefined) => facts.push({ name, value, source: source_in_words(source) });
  const stated = <V>(name: string, fact: Stated<V> | null, in_words: (value: V) => string = String) => {
    if (fact) add(name, in_words(fact.value), fact.source);
  };
  if (document.start_local) {
    const zone = zone_in_words(document.utc_offset_s);
    add("Start", `${document.start_local.replace("T", " ").replace(/(Z|[+-]\d\d:?\d\d)$/, "")}${zone ? ` ${zone}` : ", zone not known"}`, document.start_source);
    if (document.start_utc && document.utc_offset_s !== 0) add("In UTC", document.start_utc.replace("T", " ").replace("Z", ""), document.start_source);
  }
  if (document.latitude_deg && document.longitude_deg) add("Position", place_in_words(document.latitude_deg.value, document.longitude_deg.value), document.latitude_deg.source);
  stated("Elevation", document.elevation_m, (v) => (v < 0 ? `${-v} m below the sea` : `${v} m`));
  stated("Recorder", document.make);
  stated("Model", document.model);
  stated("Serial number", document.serial);
  stated("Firmware", document.firmware);
  stated("Deployment", document.deployment);
  stated("Gain", document.gain);
  stated("Temperature", document.temperature_c, (v) => `${v} °C`);
  stated("Battery", document.battery_v, (v) => `${v} V`);
  stated("Stated rate", document.stated_sample_rate_hz, hertz);
  if (document.time_expansion !== 1) add("Time expansion", `${document.time_expansion} ×: the file plays slower than life`, "");
  stated("Comment", document.comment);
  return facts;
}
