// Shapes of the interface, as openapi.json describes them. For tsc only; not part of the page.

export interface Bar {
  symbol: string;
  name: string;
  window_start: string;
  window_end: string;
  sma: number;
  n: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  vwap: number | null;
  final: boolean;
  revision: number;
  partial: boolean;
  write_ts: number;
  indicators?: (number | null)[];
}

export type Outcome = "pending" | "void" | { joined: { y_true: number; err: number } };

export interface Forecast {
  symbol: string;
  bar: string;
  horizon: number;
  made_at: string;
  as_of: string;
  target_ts: string;
  close: number;
  y_pred: number;
  lo: number | null;
  hi: number | null;
  y_naive: number;
  version: number;
  role: "champion" | "challenger" | "baseline";
  flags: string[];
  outcome: Outcome;
}

export interface Truth {
  symbol: string;
  model: string;
  parameters: string;
  ceilings: { horizon: number; skill: number }[];
}

export interface Meta {
  pipeline: string;
  version: string;
  now: string;
  cursor: string;
  bars: string[];
  windows: { name: string; size: string; slide: string }[];
  indicators: string[];
  predictor_bar: string | null;
  horizons: number[];
  truths: Truth[];
  min_rows: number;
  watermark_seconds: number;
}

export interface Skill {
  scored: number;
  void: number;
  late: number;
  matured: number;
  skill: number | null;
  lo: number | null;
  hi: number | null;
  coverage: number | null;
}

export interface SymbolLine {
  symbol: string;
  last: number | null;
  at: string | null;
  closes: [string, number][];
  skill: Skill;
  baseline: boolean | null;
}

export interface Run {
  pipeline: string;
  name: string;
  phase: string;
  progress_percent: number;
  started_at: string;
  finished_at: string | null;
  updated_at: string;
  status: any;
}

export interface AliasEvent {
  seq: number;
  alias: "champion" | "challenger" | "previous";
  version: number | null;
  effective_from: string;
  at: string;
  actor: string;
  reason: string;
}

export interface Aliases {
  bar: string;
  horizon: number;
  history: AliasEvent[];
}

export interface Health {
  now: string;
  tiles: { id: string; label: string; value: number | null; unit: string; digits: number; at: string }[];
  partitions: {
    partition: number;
    owner: string | null;
    epoch: number | null;
    committed_to: number | null;
    lag_records: number | null;
    lag_seconds: number | null;
    watermark: string | null;
    committed_at: string | null;
    at: string;
  }[];
  dead_letters: {
    read: number;
    duplicates: number;
    by_reason: Record<string, number>;
    samples: { reason: string; partition: number; offset: number; recorded_at: string; length: number; text: string }[];
    at: string;
  } | null;
  conditions: { type: string; status: string; reason: string; since: string }[];
  store: { ok: boolean | null; answered_at: string | null; failed_at: string | null; reason: string | null };
  freshness: { symbol: string; last_row_end: string; at: string }[];
  stream_clients: number;
}

export type Zone = "utc" | "local";
