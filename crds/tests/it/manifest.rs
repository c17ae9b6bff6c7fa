//! Files, overrides and environment.

use crds::env::from_pairs;
use crds::local::cluster_only_fields;
use crds::{Bare, Documents, File, Manifest};

const PIPELINE: &str = "
apiVersion: stockpipe.dev/v1alpha1
kind: StockPipeline
metadata: {name: market}
spec:
  source: {kafka: {bootstrapServers: 'kafka:9092'}}
  lake: {hdfs: {uri: 'hdfs://namenode:8020'}}
  featureStore: {cassandra: {contactPoints: ['cassandra:9042']}}
";
const RUN: &str = "
apiVersion: stockpipe.dev/v1alpha1
kind: TrainingRun
metadata: {name: one}
spec: {pipelineRef: {name: market}}
";

fn file(text: &str) -> File {
    File { name: "pipeline.yaml".to_owned(), text: text.to_owned() }
}

fn load(text: &str, set: &[&str], bare: Bare, env: &[(&str, &str)]) -> Result<Documents, String> {
    let set: Vec<_> = set.iter().map(|pair| crds::overrides::split(pair).unwrap()).collect();
    Manifest::load(&[file(text)], &set, bare, &from_pairs(env), false).map_err(|error| error.to_string())
}

fn fails(text: &str, set: &[&str], env: &[(&str, &str)], part: &str) {
    let error = load(text, set, Bare::Pipeline, env).unwrap_err();
    assert!(error.contains(part), "{part:?} expected in: {error}");
}

#[test]
fn reads_documents_of_both_kinds() {
    let documents = load(&format!("---\n{PIPELINE}\n---\n{RUN}\n---\n"), &[], Bare::Pipeline, &[]).unwrap();
    assert_eq!(documents.pipeline.name(), "market");
    assert_eq!(documents.runs.len(), 1);
    assert_eq!(documents.runs[0].spec.template.model.trees, 100);
    assert!(documents.warnings.is_empty(), "{:?}", documents.warnings);
    let files = [file(PIPELINE), File { name: "run.yaml".to_owned(), text: RUN.to_owned() }];
    assert_eq!(Manifest::load(&files, &[], Bare::Run, &|_| None, false).unwrap().runs, documents.runs);
}

#[test]
fn refuses_what_is_not_ours_by_name() {
    let two = format!("{PIPELINE}\n---\n{PIPELINE}");
    fails(&two, &[], &[], "pipeline.yaml (document 2) is a second StockPipeline beside pipeline.yaml");
    fails(RUN, &[], &[], "no StockPipeline in pipeline.yaml");
    fails(
        "kind: ConfigMap\napiVersion: v1",
        &[],
        &[],
        "kind \"ConfigMap\" of apiVersion \"v1\" is not one of ours",
    );
    fails(&PIPELINE.replace("v1alpha1", "v1"), &[], &[], "stockpipe.dev/v1alpha1");
    fails("a: [1", &[], &[], "pipeline.yaml is not YAML");
    fails("just text", &[], &[], "is not one of ours");
    fails(&"x".repeat(2 << 20), &[], &[], "more than the 1048576");
    fails(&"---\n".repeat(150), &[], &[], "more than 100 documents");
    fails(&format!("{PIPELINE}---{RUN}---{RUN}"), &[], &[], "a second TrainingRun named one");
    fails(
        &format!("{PIPELINE}---{}", RUN.replace("market", "other")),
        &[],
        &[],
        "is other, but the pipeline here is market",
    );
    fails(&PIPELINE.replace("{name: market}", "{}"), &[], &[], "metadata.name: is required");
    let error = Manifest::load(&[], &[], Bare::Pipeline, &|_| None, false).unwrap_err();
    assert!(error.to_string().contains("no StockPipeline in no file"));
}

#[test]
fn tells_everything_that_is_wrong_at_once() {
    let text = format!("{PIPELINE}  features: {{watermrk: 1s, bars: 5}}\n");
    let error = load(&text, &[], Bare::Pipeline, &[]).unwrap_err();
    for part in [
        "2 things are wrong",
        "spec.features.watermrk: is not a known field; did you mean watermark?",
        "spec.features.bars",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let text = format!("{PIPELINE}---{RUN}").replace("name: one", "name: One");
    fails(&text, &[], &[], "pipeline.yaml (document 2): metadata.name");
}

#[test]
fn sets_single_fields() {
    let set = [
        "features.windows[0].size=20s",
        "pipeline.features.watermark=1s",
        "predictor.bar=5s",
        "promotion.minSkill=0.01",
    ];
    let documents = load(PIPELINE, &set, Bare::Pipeline, &[]).unwrap();
    let spec = &documents.pipeline.spec;
    assert_eq!(spec.features.windows[0].size.seconds(), 20);
    assert_eq!(spec.features.watermark.seconds(), 1);
    assert_eq!(spec.predictor.bar.to_string(), "5s");
    assert_eq!(spec.promotion.min_skill.as_str(), "0.01");
    fails(
        PIPELINE,
        &["features.watermrk=1s"],
        &[],
        "--set features.watermrk: watermrk is not a known field; did you mean watermark?",
    );
    fails(PIPELINE, &["predictor.bar=5s"], &[], "spec.predictor.horizons: bar x the least horizon");
    fails(PIPELINE, &["features.watermark=5"], &[], "\"5\" is not a duration");
    fails(PIPELINE, &["features.bars=[5s"], &[], "is not YAML");
}

#[test]
fn train_addresses_the_run() {
    let both = format!("{PIPELINE}  training: {{template: {{spec: {{model: {{trees: 30}}}}}}}}\n");
    // The pipeline's template, with the flags.
    let documents =
        load(&both, &["model.maxDepth=4", "pipeline.features.watermark=1s"], Bare::Run, &[]).unwrap();
    assert_eq!(documents.runs.len(), 1);
    assert_eq!(documents.runs[0].spec.template.model.trees, 30);
    assert_eq!(documents.runs[0].spec.template.model.max_depth, 4);
    assert_eq!(documents.pipeline.spec.features.watermark.seconds(), 1);
    // The defaults, for the bar that is served.
    let set = ["pipeline.predictor.bar=5s", "pipeline.predictor.horizons=[2]"];
    let documents = load(PIPELINE, &set, Bare::Run, &[]).unwrap();
    assert_eq!(documents.runs[0].spec.template.data.bar.to_string(), "5s");
    assert_eq!(documents.runs[0].spec.template.target.horizons, [2]);
    assert_eq!(documents.runs[0].spec.pipeline_ref.name, "market");
    // Elsewhere the prefix addresses the documents, or the template.
    let documents =
        load(&format!("{PIPELINE}---{RUN}"), &["run.model.trees=9"], Bare::Pipeline, &[]).unwrap();
    assert_eq!(documents.runs[0].spec.template.model.trees, 9);
    let documents = load(&both, &["run.model.trees=9"], Bare::Pipeline, &[]).unwrap();
    assert_eq!(documents.pipeline.spec.training.unwrap().template.spec.model.trees, 9);
    fails(PIPELINE, &["run.model.trees=9"], &[], "there is no TrainingRun to set it in");
    fails(&both, &["run.model.tres=9"], &[], "did you mean trees?");
}

#[test]
fn the_environment_changes_fields() {
    let env = [
        ("STOCKPIPE_FEATURES_WATERMARK", "2s"),
        ("STOCKPIPE_SOURCE_KAFKA_TOPIC_PARTITIONS", "3"),
        ("STOCKPIPE_FEATURES_BARS", "5s,1m"),
        ("STOCKPIPE_RUN_MODEL_TREES", "11"),
        ("WATERMARK", "9 seconds"),
    ];
    let text = format!("{PIPELINE}---{RUN}");
    let documents = load(&text, &["source.kafka.topic.partitions=4"], Bare::Pipeline, &env).unwrap();
    assert_eq!(documents.pipeline.spec.features.watermark.seconds(), 2, "the new name wins over the old");
    assert_eq!(documents.pipeline.spec.source.kafka.topic.partitions, 4, "--set wins over the environment");
    assert_eq!(documents.runs[0].spec.template.model.trees, 11);
    assert!(
        documents.warnings.iter().any(
            |line| line == "features.watermark is set by STOCKPIPE_FEATURES_WATERMARK of the environment"
        )
    );
    let untouched = Manifest::load(&[file(&text)], &[], Bare::Pipeline, &from_pairs(&env), true).unwrap();
    assert_eq!(untouched.pipeline.spec.features.watermark.seconds(), 5);
    assert!(untouched.warnings.is_empty());
}

#[test]
fn the_old_names_are_honoured() {
    let env = [
        ("KAFKA_BOOTSTRAP", "broker:29092"),
        ("TOPIC_IN", "stocks"),
        ("HDFS_URI", "hdfs://nn:9000"),
        ("RAW_DIR", "hdfs://nn:9000/lake/raw/ticks/"),
        ("CASSANDRA_HOST", "c1,c2:9043"),
        ("CASSANDRA_PORT", "9142"),
        ("KEYSPACE", "stocks"),
        ("WIN5_DURATION", "15 seconds"),
        ("WIN5_SLIDE", "3 seconds"),
        ("WIN20_DURATION", "1 minute"),
        ("WIN20_SLIDE", "10s"),
        ("WATERMARK", "7 seconds"),
    ];
    let text = PIPELINE.replace("bootstrapServers: 'kafka:9092'", "configMapRef: {name: kafka}");
    let spec = load(&text, &[], Bare::Pipeline, &env).unwrap().pipeline.spec;
    assert_eq!(spec.source.kafka.bootstrap_servers.as_deref(), Some("broker:29092"));
    assert_eq!(spec.source.kafka.topic.name, "stocks");
    assert_eq!(spec.lake.hdfs.uri.as_deref(), Some("hdfs://nn:9000"));
    assert_eq!(spec.lake.root, "/lake");
    assert_eq!(spec.feature_store.cassandra.contact_points, ["c1:9142", "c2:9043"]);
    assert_eq!(spec.feature_store.cassandra.keyspace, "stocks");
    let windows: Vec<_> =
        spec.features.windows.iter().map(|w| (w.size.seconds(), w.slide.seconds())).collect();
    assert_eq!(windows, [(15, 3), (60, 10)]);
    assert_eq!(spec.features.watermark.seconds(), 7);
    let only_port = load(PIPELINE, &[], Bare::Pipeline, &[("CASSANDRA_PORT", "1234")]).unwrap().pipeline.spec;
    assert_eq!(only_port.feature_store.cassandra.contact_points, ["cassandra:1234"]);
}

#[test]
fn bad_variables_are_named() {
    for name in ["CASSANDRA_PORT", "STOCKPIPE_DASHBOARD_PORT", "KAFKA_BOOTSTRAP"] {
        fails(PIPELINE, &[], &[(name, "tcp://10.0.0.1:9042")], "this is a service link");
        fails(PIPELINE, &[], &[(name, "tcp://10.0.0.1:9042")], &format!("{name}=tcp://10.0.0.1:9042"));
    }
    fails(PIPELINE, &[], &[("CASSANDRA_PORT", "many")], "is not a port");
    fails(PIPELINE, &[], &[("RAW_DIR", "/raw")], "needs a directory above raw");
    fails(
        PIPELINE,
        &[],
        &[("STOCKPIPE_FEATURES_BARS", "[5s")],
        "STOCKPIPE_FEATURES_BARS=[5s: it sets features.bars",
    );
    fails(PIPELINE, &[], &[("STOCKPIPE_FEATURES_WATERMARK", "soon")], "spec.features.watermark");
    let none = format!("{PIPELINE}  features: {{windows: []}}\n");
    fails(&none, &[], &[("WIN5_SLIDE", "3s")], "there is no entry sma_5");
}

#[test]
fn warns_of_models_that_nobody_would_use() {
    let text = format!("{PIPELINE}  training: {{template: {{spec: {{data: {{bar: 5s}}}}}}}}\n");
    let warnings = load(&text, &[], Bare::Pipeline, &[]).unwrap().warnings;
    assert!(warnings[0].contains("the predictor serves 1m"), "{warnings:?}");
    let warnings = load(&text, &["run.data.bar=1h"], Bare::Pipeline, &[]).unwrap().warnings;
    assert!(warnings[0].contains("not one of spec.features.bars"), "{warnings:?}");
}

#[test]
fn says_what_one_process_ignores() {
    let plain = load(PIPELINE, &[], Bare::Pipeline, &[]).unwrap().pipeline;
    let servers = ["source.kafka.bootstrapServers", "lake.hdfs", "featureStore.cassandra"];
    assert_eq!(cluster_only_fields(&plain), servers);
    let set =
        ["ingest.replicas=3", "image.reference=x/y:1", "features.watermark=1s", "monitoring.podMonitor=true"];
    let more = load(PIPELINE, &set, Bare::Pipeline, &[]).unwrap().pipeline;
    assert_eq!(cluster_only_fields(&more)[3..], ["ingest.replicas", "monitoring", "image"]);
}

/// Whatever a manifest holds, the answer is a value or one clear error.
#[test]
fn hostile_manifests_do_not_panic() {
    let bombs = [
        "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]",
        &"[".repeat(20_000),
        "kind: !!binary x",
        "? [a]\n: b",
        "kind: StockPipeline\napiVersion: stockpipe.dev/v1alpha1\nmetadata: 5\nspec: 7",
        "kind: StockPipeline\napiVersion: stockpipe.dev/v1alpha1\nmetadata: {name: [1]}\nspec: {source: .nan}",
        "\u{0}",
        "kind: TrainingRun\napiVersion: stockpipe.dev/v1alpha1\nspec: [1]",
    ];
    for text in bombs {
        assert!(
            !load(text, &["features.watermark=1s"], Bare::Pipeline, &[("WATERMARK", "1s")])
                .unwrap_err()
                .is_empty()
        );
        assert!(!load(text, &["model.trees=1"], Bare::Run, &[]).unwrap_err().is_empty());
    }
}
