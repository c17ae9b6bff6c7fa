//! Rules over several fields, in CEL: written once here, put into the CRDs, run by the API server and, offline, by
//! kube's evaluator.
//!
//! They sit at `.spec`, immutability included, and see the defaulted object. They use CEL up to Kubernetes 1.31.
//! Where the two evaluators differ, the server is right: the one difference known, that the offline one does not
//! read `d` as a unit of durations, is taken away by writing days as hours before it runs.
//!
//! What one field alone can say (range, pattern, length) is in its type, not here. What needs another object (a
//! Secret, a ConfigMap, the topic itself) is a condition, not a rule.

use crate::limits;
use crate::problem::Problem;
use crate::validate::Kind;
use kube_cel::{CompiledSchema, Validator, compile_schema};
use serde_json::{Value, json};
use std::sync::LazyLock;

static PIPELINE_COMPILED: LazyLock<CompiledSchema> =
    LazyLock::new(|| compile_schema(Kind::StockPipeline.schema()));
static RUN_COMPILED: LazyLock<CompiledSchema> = LazyLock::new(|| compile_schema(Kind::TrainingRun.schema()));

/// One rule: what must hold, what to say where it does not, and of which field.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Relative to `.spec`.
    pub field: &'static str,
    /// True where all is well.
    pub rule: &'static str,
    /// The reason and the remedy.
    pub message: &'static str,
}

/// A field that never changes, whether it is there or not.
macro_rules! immutable {
    ($field:literal, $parent:literal, $message:literal) => {
        Rule {
            field: concat!(".", $parent, $field),
            rule: concat!(
                "has(self.",
                $parent,
                $field,
                ") == has(oldSelf.",
                $parent,
                $field,
                ") && (!has(self.",
                $parent,
                $field,
                ") || self.",
                $parent,
                $field,
                " == oldSelf.",
                $parent,
                $field,
                ")"
            ),
            message: $message,
        }
    };
}

/// The seconds of a bar size, which is a string so that its spelling can be judged.
macro_rules! seconds {
    ($bar:literal) => {
        concat!(
            "int(",
            $bar,
            ".substring(0, size(",
            $bar,
            ") - 1)) * (",
            $bar,
            ".endsWith('s') ? 1 : ",
            $bar,
            ".endsWith('m') ? 60 : ",
            $bar,
            ".endsWith('h') ? 3600 : 86400)"
        )
    };
}

/// True where a bar is spelled in the largest unit that divides it.
macro_rules! canonical {
    ($bar:literal) => {
        concat!(
            "(",
            $bar,
            ".endsWith('d') || int(",
            $bar,
            ".substring(0, size(",
            $bar,
            ") - 1)) % (",
            $bar,
            ".endsWith('h') ? 24 : 60) != 0)"
        )
    };
}

/// The rules of a StockPipeline.
pub const PIPELINE: &[Rule] = &[
    Rule {
        field: ".source.kafka",
        rule: "has(self.source.kafka.bootstrapServers) != has(self.source.kafka.configMapRef)",
        message: "exactly one of bootstrapServers and configMapRef must be set: say where Kafka is, once",
    },
    Rule {
        field: ".source.kafka.security",
        rule: "self.source.kafka.security.protocol.startsWith('SASL_') == has(self.source.kafka.security.mechanism)",
        message: "mechanism must be set with SASL_PLAINTEXT and SASL_SSL, and only with them",
    },
    Rule {
        field: ".lake.hdfs",
        rule: "has(self.lake.hdfs.uri) != has(self.lake.hdfs.configMapRef)",
        message: "exactly one of uri and configMapRef must be set: say where HDFS is, once",
    },
    Rule {
        field: ".calendar",
        rule: "!has(self.calendar) || (self.calendar.kind == 'Sessions') == \
               (has(self.calendar.timeZone) && has(self.calendar.open) && has(self.calendar.close))",
        message: "timeZone, open and close must be set with kind Sessions, and only with it",
    },
    Rule {
        field: ".calendar.holidaysRef",
        rule: "!has(self.calendar) || !has(self.calendar.holidaysRef) || self.calendar.kind == 'Sessions'",
        message: "only kind Sessions has holidays; remove holidaysRef, or write the hours of the exchange with kind Sessions",
    },
    Rule {
        field: ".features.windows",
        rule: "self.features.windows.all(w, w.size.getSeconds() % w.slide.getSeconds() == 0)",
        message: "slide must divide size, so that windows are made of whole panes; write for example size 15s, slide 5s",
    },
    Rule {
        field: ".features.windows",
        rule: "self.features.windows.all(w, w.size.getSeconds() / w.slide.getSeconds() <= 720)",
        message: "size must be at most 720 times slide; write a longer slide",
    },
    Rule {
        field: ".features.bars",
        rule: concat!("self.features.bars.all(b, ", canonical!("b"), ")"),
        message: "a bar must be spelled in the largest unit that divides it, because it is a name as well; write 1m, not 60s",
    },
    Rule {
        field: ".features.bars",
        rule: concat!(
            "!has(self.source.tickSpan) || self.features.bars.all(b, ",
            seconds!("b"),
            " >= self.source.tickSpan.getSeconds())"
        ),
        message: "a bar must not be shorter than source.tickSpan: a record would not fit into it; remove it, or correct tickSpan",
    },
    Rule {
        field: ".ingest.replicas",
        rule: "self.ingest.replicas <= self.source.kafka.topic.partitions",
        message: "replicas must be at most source.kafka.topic.partitions: a partition has one reader",
    },
    Rule {
        field: ".ingest.autoscaling",
        rule: "!has(self.ingest.autoscaling) || self.ingest.autoscaling.maxReplicas <= self.source.kafka.topic.partitions",
        message: "maxReplicas must be at most source.kafka.topic.partitions: a partition has one reader",
    },
    Rule {
        field: ".ingest.autoscaling",
        rule: "!has(self.ingest.autoscaling) || self.ingest.autoscaling.minReplicas <= self.ingest.autoscaling.maxReplicas",
        message: "minReplicas must be at most maxReplicas",
    },
    Rule {
        field: ".predictor.bar",
        rule: "!self.predictor.enabled || self.predictor.bar in self.features.bars",
        message: "bar must be one of features.bars while the predictor is enabled; add it there, or name another",
    },
    Rule {
        field: ".predictor.horizons",
        rule: concat!(
            "!self.predictor.enabled || self.predictor.horizons.all(h, h * ",
            seconds!("self.predictor.bar"),
            " > self.features.watermark.getSeconds())"
        ),
        message: "bar x the least horizon must be longer than features.watermark, else every forecast would be LATE; \
                  write a longer bar or horizon, or a shorter watermark",
    },
    Rule {
        field: ".producer.overrides",
        rule: "!has(self.producer.overrides) || self.producer.overrides.all(o, o.symbol in self.producer.symbols)",
        message: "an override must name one of producer.symbols",
    },
    immutable!(
        "partitions",
        "source.kafka.topic.",
        "partitions is immutable: a symbol's history lives in one partition; make a new pipeline with a new topic"
    ),
    immutable!("root", "lake.", "root is immutable: the committed history lies there; make a new pipeline"),
    immutable!(
        "keyspace",
        "featureStore.cassandra.",
        "keyspace is immutable: the rows lie there; make a new pipeline"
    ),
    Rule {
        field: ".features.windows",
        rule: "self.features.windows.all(w, oldSelf.features.windows.all(o, \
               o.name != w.name || (o.size == w.size && o.slide == w.slide)))",
        message: "size and slide of a window are immutable per name: rows of both would be mixed; give the new one a new name",
    },
    Rule {
        field: ".ingest.replicas",
        rule: "!has(self.ingest.autoscaling) || !has(oldSelf.ingest.autoscaling) || \
               self.ingest.replicas == oldSelf.ingest.replicas",
        message: "replicas is not used while autoscaling is set, so changing it would do nothing; \
                  change autoscaling.minReplicas and maxReplicas",
    },
];

/// The rules of a TrainingRun.
pub const RUN: &[Rule] = &[
    Rule {
        field: ".data.bar",
        rule: canonical!("self.data.bar"),
        message: "a bar must be spelled in the largest unit that divides it, because it is a name as well; write 1m, not 60s",
    },
    Rule {
        field: ".data.symbols",
        rule: "!('*' in self.data.symbols) || size(self.data.symbols) == 1",
        message: "\"*\" means all symbols and stands alone; remove it, or the others",
    },
    immutable!(
        "pipelineRef",
        "",
        "pipelineRef is immutable: a run is one training; create another TrainingRun"
    ),
    immutable!("data", "", "data is immutable: a run is one training; create another TrainingRun"),
    immutable!("target", "", "target is immutable: a run is one training; create another TrainingRun"),
    immutable!(
        "validation",
        "",
        "validation is immutable: a run is one training; create another TrainingRun"
    ),
    immutable!("model", "", "model is immutable: a run is one training; create another TrainingRun"),
    immutable!("workers", "", "workers is immutable: a run is one training; create another TrainingRun"),
    immutable!(
        "restartPolicy",
        "",
        "restartPolicy is immutable: a run is one training; create another TrainingRun"
    ),
    immutable!(
        "activeDeadline",
        "",
        "activeDeadline is immutable: a run is one training; create another TrainingRun"
    ),
    immutable!("promotion", "", "promotion is immutable: a run is one training; create another TrainingRun"),
    immutable!(
        "podOverrides",
        "",
        "podOverrides is immutable: a run is one training; create another TrainingRun"
    ),
];

/// As a schema has them.
pub(crate) fn rules(rules: &[Rule]) -> Value {
    rules
        .iter()
        .map(|rule| json!({"rule": rule.rule, "message": rule.message, "fieldPath": rule.field}))
        .collect()
}

/// Every rule that a defaulted object breaks. `old` is the object it replaces; without it transition rules rest.
pub(crate) fn check(kind: Kind, object: &Value, old: Option<&Value>) -> Vec<Problem> {
    let schema = kind.schema();
    let object = days_as_hours(schema, object);
    let old = old.map(|old| days_as_hours(schema, old));
    // To compile the rules takes longer than everything else that is done with an object.
    let compiled = match kind {
        Kind::StockPipeline => &*PIPELINE_COMPILED,
        Kind::TrainingRun => &*RUN_COMPILED,
    };
    match Validator::new().validate_compiled(compiled, &object, old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => {
            errors.into_iter().map(|error| Problem::new(error.field_path, error.message)).collect()
        }
    }
}

/// Writes every duration that counts days in hours, which the offline evaluator can read.
fn days_as_hours(schema: &Value, object: &Value) -> Value {
    match object {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let below = schema.get("properties").and_then(|properties| properties.get(name));
                (name.clone(), below.map_or_else(|| value.clone(), |below| days_as_hours(below, value)))
            })
            .collect(),
        Value::Array(items) => match schema.get("items") {
            Some(below) => items.iter().map(|item| days_as_hours(below, item)).collect(),
            None => object.clone(),
        },
        Value::String(text) if schema.get("format").and_then(Value::as_str) == Some("duration") => {
            let days = text.strip_suffix('d').and_then(|digits| digits.parse::<i64>().ok());
            days.map_or_else(|| object.clone(), |days| Value::String(format!("{}h", days.saturating_mul(24))))
        }
        _ => object.clone(),
    }
}

// The rule writes the number out: a message and a rule are literals.
const _: () = assert!(limits::PANES == 720);
