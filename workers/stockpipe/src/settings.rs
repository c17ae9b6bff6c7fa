//! From the manifest to what each role is told. The one place where a field of the manifest meets a role: roles know
//! nothing of the manifest, and the manifest nothing of roles. [`stores`] does the same for the servers, with credentials
//! from [`mounts`], and [`named`] for what a role reads from a Secret or a ConfigMap.

pub mod mounts;
pub mod named;
pub mod stores;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crds::{
    StockPipeline,
    pipeline::{
        features::{DedupBy, OhlcOrder},
        producer::ProducerModel,
        promotion::PromotionMode,
        source::OnGap,
    },
    training_run::template::{Engine, GroupBy, WindowKind},
};
use indicators::IndicatorSet;
use market::Span;
use windowing::{Dedup, Semantics, WindowSpec};

use self::{mounts::Mounts, named::calendar};
use crate::{Context, Failure, commands::Run, truths};

/// A manifest's duration as a span of event time.
pub fn span(d: crds::Duration) -> Span {
    // A manifest's durations are whole seconds, at least 1.
    Span::from_micros(d.seconds().saturating_mul(1_000_000)).unwrap_or(Span::from_secs(1))
}

fn whole(n: i32) -> u32 {
    // Ranges of the manifest are checked before: negative numbers do not get here.
    u32::try_from(n).unwrap_or(0)
}

/// What decides what a log means.
pub fn semantics(pipeline: &StockPipeline, mounts: &Mounts) -> Result<Arc<Semantics>, Failure> {
    let spec = &pipeline.spec;
    let features = &spec.features;
    let semantics = Semantics {
        tick_span: spec.source.tick_span.map(span),
        watermark: span(features.watermark),
        max_future: span(features.max_future),
        dedup: Dedup {
            by: match features.dedup.by {
                DedupBy::Auto => windowing::DedupBy::Auto,
                DedupBy::Payload => windowing::DedupBy::Payload,
                DedupBy::Id => windowing::DedupBy::Id,
                DedupBy::None => windowing::DedupBy::None,
            },
            max_entries: u64::from(whole(features.dedup.max_entries)),
            horizon: features.dedup.horizon.map(span),
        },
        allow_ohlc_disorder: features.validation.ohlc_order == OhlcOrder::Warn,
        max_symbols: whole(features.max_symbols),
        partitions: whole(spec.source.kafka.topic.partitions),
        windows: features
            .windows
            .iter()
            .map(|w| WindowSpec { name: w.name.clone(), size: span(w.size), slide: span(w.slide) })
            .collect(),
        bars: features.bars.iter().map(|b| span(b.duration())).collect(),
        indicators: features.indicators.clone(),
        calendar: calendar(pipeline, mounts)?,
        keyed: spec.source.keyed,
    };
    semantics.validate().map_err(|e| Failure::new(e.kind(), e.to_string()))?;
    Ok(Arc::new(semantics))
}

/// The indicators of the manifest.
pub fn indicators(pipeline: &StockPipeline) -> Result<IndicatorSet, Failure> {
    IndicatorSet::parse(&pipeline.spec.features.indicators)
        .map_err(|e| Failure::bad_input(format!("features.indicators: {e}")))
}

/// Partitions of the topic that ingest reads.
pub fn partitions(pipeline: &StockPipeline) -> u32 {
    whole(pipeline.spec.source.kafka.topic.partitions).max(1)
}

/// The topic that ingest reads on servers: the source's, or the copy that `rekey` makes of one without keys.
pub fn ticks_topic(pipeline: &StockPipeline) -> String {
    match pipeline.spec.source.keyed {
        true => pipeline.spec.source.kafka.topic.name.clone(),
        false => format!("{}.ticks", pipeline.name()),
    }
}

/// Topic of final rows.
pub fn features_topic(pipeline: &StockPipeline) -> String {
    format!("{}.features", pipeline.name())
}

/// Topic of predictions and outcomes.
pub fn predictions_topic(pipeline: &StockPipeline) -> String {
    format!("{}.predictions", pipeline.name())
}

/// Topic of small durable notes, where the log has none of its own.
pub fn notes_topic(pipeline: &StockPipeline) -> String {
    format!("{}.notes", pipeline.name())
}

/// How long the log keeps records.
pub fn topic_retention(pipeline: &StockPipeline) -> Option<Duration> {
    pipeline.spec.source.kafka.topic.retention.map(crds::Duration::to_std)
}

/// The predictor.
pub fn predictor(context: &Context) -> Result<predictor::Settings, Failure> {
    let Context { pipeline, mounts, .. } = context;
    let spec = &pipeline.spec;
    Ok(predictor::Settings {
        pipeline: pipeline.name().to_owned(),
        root: Context::ROOT.to_owned(),
        bar: span(spec.predictor.bar.duration()),
        horizons: spec.predictor.horizons.iter().map(|h| whole(*h)).collect(),
        calendar: calendar(pipeline, mounts)?,
        features_topic: features_topic(pipeline),
        predictions_topic: predictions_topic(pipeline),
    })
}

/// One training run.
pub fn trainer(
    context: &Context,
    run: &Run,
    truths: BTreeMap<String, trainer::Truth>,
) -> Result<trainer::Settings, Failure> {
    let Context { pipeline, mounts, .. } = context;
    let template = &run.run.spec.template;
    let instant = |text: &crds::Instant| {
        trainer::Instant::parse(&text.to_string()).map_err(|e| Failure::new(e.kind(), e.to_string()))
    };
    let bar = span(template.data.bar.duration());
    let promotion = &pipeline.spec.promotion;
    let override_ = template.promotion.as_ref();
    let mode = override_.and_then(|p| p.mode).unwrap_or(promotion.mode);
    let bars_of = |d: crds::Duration| {
        u32::try_from(span(d).micros().unsigned_abs().div_ceil(bar.micros().unsigned_abs()))
            .unwrap_or(u32::MAX)
    };
    Ok(trainer::Settings {
        pipeline: pipeline.name().to_owned(),
        run: run.name.clone(),
        uid: run.uid.clone(),
        root: Context::ROOT.to_owned(),
        indicators: indicators(pipeline)?,
        calendar: calendar(pipeline, mounts)?,
        data: trainer::Data {
            bar,
            symbols: template.data.symbols.clone(),
            from: instant(&template.data.from)?,
            to: instant(&template.data.to)?,
            min_rows: u64::try_from(template.data.min_rows).unwrap_or(0),
        },
        horizons: template.target.horizons.iter().map(|h| whole(*h)).collect(),
        validation: trainer::Validation {
            folds: whole(template.validation.folds),
            rolling: match template.validation.window {
                WindowKind::Expanding => false,
            },
            purge: template.validation.purge.map(bars_of),
            embargo: template.validation.embargo.map(bars_of),
        },
        model: trainer::ModelSettings {
            engine: match template.model.engine {
                Engine::Auto => trainer::EngineChoice::Auto,
                Engine::Smartcore => trainer::EngineChoice::Smartcore,
                Engine::Hist => trainer::EngineChoice::Hist,
            },
            trees: whole(template.model.trees),
            max_depth: whole(template.model.max_depth),
            max_features_percent: whole(template.model.max_features_percent),
            min_samples_leaf: template.model.min_samples_leaf.map(whole),
            group_by: match template.model.group_by {
                GroupBy::None => trainer::GroupBy::None,
                GroupBy::Symbol => trainer::GroupBy::Symbol,
            },
            seed: u64::try_from(template.model.seed).unwrap_or(0),
        },
        promotion: trainer::Promotion {
            automatic: mode != PromotionMode::Manual,
            min_skill: override_.and_then(|p| p.min_skill.as_ref()).unwrap_or(&promotion.min_skill).value(),
            shadow_bars: whole(override_.and_then(|p| p.shadow_bars).unwrap_or(promotion.shadow_bars)),
            allow_suspicious: override_
                .and_then(|p| p.allow_suspicious)
                .unwrap_or(promotion.allow_suspicious),
        },
        served: trainer::Served {
            bar: span(pipeline.spec.predictor.bar.duration()),
            horizons: pipeline.spec.predictor.horizons.iter().map(|h| whole(*h)).collect(),
        },
        threads: run
            .threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
        memory_limit: run.memory_limit,
        truths,
    })
}

/// Ingest; which partitions is its ownership's business.
pub fn ingest(context: &Context) -> Result<ingest::Settings, Failure> {
    let pipeline = &context.pipeline;
    let spec = &pipeline.spec;
    let mut settings = ingest::Settings::new(pipeline.name(), semantics(pipeline, &context.mounts)?);
    settings.root = Context::ROOT.to_owned();
    settings.roll.bytes = usize::try_from(spec.lake.roll.size.bytes()).unwrap_or(usize::MAX);
    settings.roll.age = spec.lake.roll.age.to_std();
    settings.ticks_topic = match context.is_embedded() {
        true => spec.source.kafka.topic.name.clone(),
        false => ticks_topic(pipeline),
    };
    settings.features_topic = features_topic(pipeline);
    settings.on_gap = match spec.source.on_gap {
        OnGap::Halt => ingest::OnGap::Halt,
        OnGap::Record => ingest::OnGap::Record,
    };
    settings.retention = spec.lake.retention.map(crds::Duration::to_std);
    Ok(settings)
}

/// Whether lost records are passed over, with a note, or stop who reads them.
pub fn skip_gaps(pipeline: &StockPipeline) -> bool {
    pipeline.spec.source.on_gap == OnGap::Record
}

/// The dashboard.
pub fn dashboard(
    pipeline: &StockPipeline,
    mounts: &Mounts,
    listen: std::net::SocketAddr,
) -> Result<dashboard::Settings, Failure> {
    let spec = &pipeline.spec;
    let template = crds::run_from_pipeline(pipeline);
    Ok(dashboard::Settings {
        pipeline: pipeline.name().to_owned(),
        bars: spec.features.bars.iter().map(|b| span(b.duration()).to_string()).collect(),
        windows: spec
            .features
            .windows
            .iter()
            .map(|w| dashboard::Window {
                name: w.name.clone(),
                size: span(w.size).to_string(),
                slide: span(w.slide).to_string(),
            })
            .collect(),
        indicator_columns: indicators(pipeline)?.columns().to_vec(),
        predictor_bar: spec.predictor.enabled.then(|| span(spec.predictor.bar.duration()).to_string()),
        horizons: spec.predictor.horizons.iter().map(|h| whole(*h)).collect(),
        truths: truths::for_dashboard(pipeline)?,
        min_rows: u64::try_from(template.spec.template.data.min_rows).unwrap_or(0),
        watermark_seconds: features_watermark(pipeline),
        allow_ohlc_disorder: spec.features.validation.ohlc_order == OhlcOrder::Warn,
        base_path: spec.dashboard.base_path.clone().unwrap_or_default(),
        credentials: named::credentials(pipeline, mounts)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        listen,
    })
}

fn features_watermark(pipeline: &StockPipeline) -> f64 {
    span(pipeline.spec.features.watermark).micros() as f64 / 1e6
}

/// The manifest's producer.
pub fn producer(pipeline: &StockPipeline) -> Result<producer::ProduceSettings, Failure> {
    let spec = &pipeline.spec.producer;
    let model = |m: ProducerModel| match m {
        ProducerModel::Gbm => producer::Model::Gbm,
        ProducerModel::Ar1 => producer::Model::Ar1,
        ProducerModel::Signal => producer::Model::Signal,
        ProducerModel::Regime => producer::Model::Regime,
        ProducerModel::Iid => producer::Model::Iid,
    };
    let mut symbols = Vec::new();
    for name in &spec.symbols {
        let symbol =
            market::Symbol::parse(name).map_err(|e| Failure::bad_input(format!("producer.symbols: {e}")))?;
        let mut made = producer::SymbolSpec::new(symbol, model(spec.model));
        if let Some(own) = spec.overrides.iter().find(|o| o.symbol == *name) {
            made.model = own.model.map_or(made.model, model);
            made.phi = own.phi.as_ref().map_or(made.phi, crds::Decimal::value);
            made.volatility = own.volatility.as_ref().map_or(made.volatility, crds::Decimal::value);
            made.switch_before = own.switch_before.map(span);
        }
        symbols.push(made);
    }
    let settings = producer::ProduceSettings {
        bar: span(pipeline.spec.predictor.bar.duration()),
        tick_span: pipeline.spec.source.tick_span.map(span),
        ticks_per_second: whole(spec.ticks_per_second),
        symbols,
        seed: u64::try_from(spec.seed).unwrap_or(0),
        backfill: spec.backfill.map(span),
        count: None,
    };
    settings.validate()?;
    Ok(settings)
}
