//! `crds/tests/cases.yaml`, sent to a real API server: what is accepted offline is accepted there, what is refused is
//! refused there, and a rule over several fields says the same words about the same field.

use crate::support::{create, merge, path, shared, table};
use cluster::request;
use kube::{Client, Error};
use serde_json::{Value, json};

/// Stores the first object if there are two; the answer to the last one, which is never stored.
async fn judged(client: &Client, namespace: &str, case: &Value, bases: &Value) -> Result<Value, Error> {
    let mut object = bases[case["base"].as_str().expect("a base")].clone();
    merge(&mut object, &case["patch"]);
    let below = path(&object, namespace);
    let flags = "fieldValidation=Strict&dryRun=All";
    if case["then"].is_null() {
        return client.request(request::post(&format!("{below}?{flags}"), &object)).await;
    }
    let stored = create(client, namespace, &object).await;
    let stored = stored.unwrap_or_else(|error| panic!("{}: the first object: {error}", case["name"]));
    let named = format!("{below}/{}", stored["metadata"]["name"].as_str().expect("a name"));
    let mut next = stored;
    merge(&mut next, &case["then"]);
    let answer = client.request(request::put(&format!("{named}?{flags}"), &next)).await;
    client.request::<Value>(request::delete(&named)).await.expect("the first object goes");
    answer
}

/// What the server found: field and message of each cause.
fn causes(error: &Error) -> (u16, Vec<(String, String)>) {
    let Error::Api(status) = error else { panic!("no answer of the server: {error}") };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    (status.code, causes.map(|cause| (cause.field.clone(), cause.message.clone())).collect())
}

fn complaint(case: &Value, answer: &Result<Value, Error>) -> Option<String> {
    let name = case["name"].as_str().unwrap_or_default();
    let (message, offline) = (case["message"].as_str(), case["offline"].as_str());
    match (answer, message, offline) {
        (Ok(_), None, None) => None,
        // What only this release cannot hold; the table says so case by case.
        (Ok(_), None, Some(_)) if case["server"] == "accepts" => None,
        (Ok(_), ..) => Some(format!("{name}: the server accepts it")),
        (Err(error), None, None) => Some(format!("{name}: the server refuses it: {error}")),
        (Err(error), Some(message), _) => {
            let (code, causes) = causes(error);
            let field = case["field"].as_str().unwrap_or_default();
            let told = causes.iter().any(|(at, said)| at == field && said.contains(message));
            let right = code == 422 && told && causes.len() == 1;
            (!right).then(|| format!("{name}: {field}: {message:?} alone expected, but {code} {causes:?}"))
        }
        (Err(error), None, Some(_)) => {
            // The words are the server's own: strict decoding has a code of its own, values are causes with a field.
            let (code, causes) = causes(error);
            let right = code == 400 || (code == 422 && !causes.is_empty());
            (!right).then(|| format!("{name}: refused for another reason: {error}"))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_is_judged_as_the_table_says() {
    let (_, client, namespace) = shared().await;
    let table = table();
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for case in table["cases"].as_array().expect("cases") {
        let answer = judged(&client, &namespace, case, &table["bases"]).await;
        refused += usize::from(answer.is_err());
        wrong.extend(complaint(case, &answer));
    }
    assert!(refused > 40, "only {refused} cases are refused: is this the table?");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The test above can fail: a wrong expectation of each sort is noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_table_is_noticed() {
    let (_, client, namespace) = shared().await;
    let bases = &table()["bases"];
    let too_many = json!({"spec": {"ingest": {"replicas": 17}}});
    let of_replicas = "at most source.kafka.topic.partitions";
    let right = json!({
        "name": "right", "base": "pipeline", "patch": too_many, "field": "spec.ingest.replicas", "message": of_replicas,
    });
    let answer = judged(&client, &namespace, &right, bases).await;
    assert_eq!(complaint(&right, &answer), None);
    for wrong in [
        json!({"name": "accepted", "base": "pipeline", "patch": too_many}),
        json!({"name": "field", "base": "pipeline", "patch": too_many, "field": "spec.ingest", "message": of_replicas}),
        json!({"name": "words", "base": "pipeline", "patch": too_many, "field": "spec.ingest.replicas", "message": "x"}),
        json!({"name": "refused", "base": "pipeline", "patch": {}, "field": "spec", "message": "x"}),
    ] {
        let answer = judged(&client, &namespace, &wrong, bases).await;
        assert!(complaint(&wrong, &answer).is_some(), "{wrong} is not noticed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minimal_manifest_means_the_same_here_and_there() {
    let (_, client, namespace) = shared().await;
    let mut objects = Vec::from(["pipeline", "run"].map(|base| table()["bases"][base].clone()));
    // Defaults below fields that are absent unless somebody writes them.
    let mut all = objects[0].clone();
    let patch = json!({"metadata": {"name": "all"}, "spec": {
        "training": {}, "ingest": {"autoscaling": {}}, "dashboard": {"service": {}}, "serviceAccount": {}, "metadata": {},
        "source": {"kafka": {"topic": {}, "security": {}}}, "features": {"dedup": {}, "validation": {}},
    }});
    merge(&mut all, &patch);
    objects.push(all);
    for object in objects {
        let stored = create(&client, &namespace, &object).await.expect("a valid object");
        let kind =
            crds::validate::Kind::named(object["kind"].as_str().expect("a kind")).expect("a kind of ours");
        let ours = crds::validate::with_defaults(kind, object.clone());
        assert_eq!(stored["spec"], ours["spec"], "{}", object["metadata"]["name"]);
        // The Rust types read what the server stored, and say the same.
        let typed = match kind {
            crds::validate::Kind::StockPipeline => {
                serde_json::from_value::<crds::StockPipeline>(stored.clone())
                    .map(|o| serde_json::to_value(o.spec))
            }
            crds::validate::Kind::TrainingRun => serde_json::from_value::<crds::TrainingRun>(stored.clone())
                .map(|o| serde_json::to_value(o.spec)),
        };
        assert_eq!(typed.expect("it is read").expect("it is written"), stored["spec"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_template_in_a_pipeline_can_be_edited_twice() {
    let (_, client, namespace) = shared().await;
    let mut object = table()["bases"]["pipeline"].clone();
    merge(&mut object, &json!({"metadata": {"name": "edited"}, "spec": {"training": {}}}));
    create(&client, &namespace, &object).await.expect("a pipeline");
    let named = format!("{}/edited", path(&object, &namespace));
    for (trees, bar) in [(7, "5s"), (9, "1m")] {
        let patch = json!({"spec": {"training": {"template": {"spec": {
            "model": {"trees": trees}, "data": {"bar": bar},
        }}}}});
        let edited: Value = client.request(request::merge(&named, &patch)).await.expect("an edit");
        let spec = &edited["spec"]["training"]["template"]["spec"];
        assert_eq!((&spec["model"]["trees"], &spec["data"]["bar"]), (&json!(trees), &json!(bar)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_is_written_apart_from_the_spec() {
    let (_, client, namespace) = shared().await;
    for (base, status, other) in [
        ("pipeline", json!({"observedGeneration": 1}), json!({"observedGeneration": 7})),
        ("run", json!({"phase": "Pending"}), json!({"phase": "Complete"})),
    ] {
        let object = table()["bases"][base].clone();
        let stored = create(&client, &namespace, &object).await.expect("a valid object");
        let named =
            format!("{}/{}", path(&object, &namespace), stored["metadata"]["name"].as_str().expect("a name"));
        let patch = json!({"metadata": {"labels": {"a": "b"}}, "status": status, "spec": {"x": 1}});
        let after: Value =
            client.request(request::merge(&format!("{named}/status"), &patch)).await.expect("a status");
        assert_eq!(after["metadata"]["generation"], 1, "{base}: a status is no new generation");
        assert_eq!(after["spec"], stored["spec"], "{base}: a status changes no spec");
        let ignored = json!({"status": other});
        let after: Value = client.request(request::merge(&named, &ignored)).await.expect("no change");
        assert_eq!(after["status"], status, "{base}: a status is written at /status only");
    }
    let scale = json!({"spec": {"replicas": 3}});
    let pipelines = path(&table()["bases"]["pipeline"], &namespace);
    let scaled: Value = client
        .request(request::merge(&format!("{pipelines}/market/scale"), &scale))
        .await
        .expect("kubectl scale works");
    assert_eq!(scaled["spec"]["replicas"], 3);
}
