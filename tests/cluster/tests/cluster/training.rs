//! Training runs on a real API server while the operator is killed: whatever step it dies at, each attempt has one Job and
//! the run ends as if nothing had been.

use crate::operator::{NAMESPACE, SOON, pipeline, program, world};
use crate::support::{create, merge, table};
use cluster::jobs::{Ending, finish, start};
use cluster::operator::Operator;
use cluster::{request, until};
use crds::training_run::RunResult;
use kube::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What happens to a run, in order. A step that waits waits for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Created,
    FirstJob,
    FirstRuns,
    FirstFailed,
    SecondJob,
    SecondDone,
    Complete,
}

const STEPS: [Step; 7] = [
    Step::Created,
    Step::FirstJob,
    Step::FirstRuns,
    Step::FirstFailed,
    Step::SecondJob,
    Step::SecondDone,
    Step::Complete,
];

/// A run, and how far it is.
struct Driven {
    name: String,
    uid: String,
    pod: String,
    /// Every Job that was ever seen, by name.
    seen: BTreeMap<String, String>,
    done: usize,
}

impl Driven {
    fn new(name: String) -> Driven {
        Driven { name, uid: String::new(), pod: String::new(), seen: BTreeMap::new(), done: 0 }
    }

    async fn to(&mut self, client: &Client, last: Step) {
        while self.done < STEPS.len() && STEPS[self.done] <= last {
            self.step(client, STEPS[self.done]).await;
            self.done += 1;
        }
    }

    async fn step(&mut self, client: &Client, step: Step) {
        match step {
            Step::Created => {
                let mut run = table()["bases"]["run"].clone();
                let backoff =
                    json!({"restartPolicy": {"maxRetries": 2, "backoff": {"initial": "1s", "max": "1s"}}});
                merge(&mut run, &json!({"metadata": {"name": self.name}, "spec": backoff}));
                let made = create(client, NAMESPACE, &run).await.expect("a run");
                self.uid = made["metadata"]["uid"].as_str().expect("a uid").to_owned();
            }
            Step::FirstJob => self.job(client, 1).await,
            Step::FirstRuns => self.pod = start(client, NAMESPACE, &self.attempt(1)).await.expect("it runs"),
            Step::FirstFailed => self.end(client, 1).await,
            Step::SecondJob => self.job(client, 2).await,
            Step::SecondDone => {
                self.pod = start(client, NAMESPACE, &self.attempt(2)).await.expect("it runs");
                self.end(client, 2).await;
            }
            Step::Complete => {
                until(&format!("{} is complete", self.name), SOON, async || {
                    let status = self.status(client).await?;
                    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
                    let complete =
                        conditions.iter().any(|one| one["type"] == "Complete" && one["status"] == "True");
                    if complete { Ok(()) } else { Err(status.to_string()) }
                })
                .await
                .expect("an end");
            }
        }
    }

    fn attempt(&self, number: i32) -> String {
        format!("{}-{number}", self.name)
    }

    async fn job(&mut self, client: &Client, number: i32) {
        let path = format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{}", self.attempt(number));
        let job: Value =
            until("a Job", SOON, async || client.request(request::get(&path)).await).await.expect("a Job");
        self.saw(&job);
    }

    fn saw(&mut self, job: &Value) {
        let text = |field: &str| job["metadata"][field].as_str().expect("text").to_owned();
        let before = self.seen.insert(text("name"), text("uid"));
        assert!(before.is_none_or(|uid| uid == text("uid")), "{} was made twice", text("name"));
    }

    /// The first attempt fails, the second publishes.
    async fn end(&self, client: &Client, number: i32) {
        let good = number == 2;
        let result = RunResult {
            run_uid: self.uid.clone(),
            attempt: number,
            version: good.then_some(12),
            error: (!good).then(|| "the lake is away".to_owned()),
            ..RunResult::default()
        };
        let message = result.encode();
        let ending = Ending::exit(i32::from(!good), &message);
        finish(client, NAMESPACE, &self.attempt(number), &self.pod, ending).await.expect("it ends");
    }

    async fn status(&self, client: &Client) -> Result<Value, String> {
        let path = format!("/apis/stockpipe.dev/v1alpha1/namespaces/{NAMESPACE}/trainingruns/{}", self.name);
        let run: Value = client.request(request::get(&path)).await.map_err(|error| error.to_string())?;
        Ok(run["status"].clone())
    }
}

/// Two kills, each right behind a step of every run: the operator is somewhere in what follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_is_killed_makes_one_job_an_attempt() {
    let (server, client) = world().await;
    let operator = |name: &str| Operator::start(&server, &program(), name).expect("the operator");
    let mut life = operator("life-0");
    create(&client, NAMESPACE, &pipeline("market")).await.expect("a pipeline");
    let mut runs: Vec<(Step, Driven)> = STEPS
        .iter()
        .rev()
        .flat_map(|step| ["one", "two"].map(|when| (*step, Driven::new(format!("{when}-{}", *step as u8)))))
        .collect();

    for (number, when) in ["one", "two"].into_iter().enumerate() {
        for (step, run) in runs.iter_mut().filter(|(_, run)| run.name.starts_with(when)) {
            run.to(&client, *step).await;
        }
        life.kill().expect("it is killed");
        life = operator(&format!("life-{}", number + 1));
    }
    for (_, run) in &mut runs {
        run.to(&client, Step::Complete).await;
        let status = run.status(&client).await.expect("a status");
        assert_eq!(status["phase"], "Complete", "{}: {status}", run.name);
        assert_eq!(status["version"], 12, "{}: {status}", run.name);
        let attempts = status["attempts"].as_array().expect("attempts");
        let numbers: Vec<&Value> = attempts.iter().map(|attempt| &attempt["number"]).collect();
        assert_eq!(numbers, [1, 2], "{}: {status}", run.name);
    }
    let jobs: Value = client
        .request(request::get(&format!(
            "/apis/batch/v1/namespaces/{NAMESPACE}/jobs?labelSelector=stockpipe.dev%2Frun"
        )))
        .await
        .expect("Jobs");
    let jobs = jobs["items"].as_array().expect("a list");
    assert_eq!(jobs.len(), 2 * runs.len(), "one Job an attempt, none more");
    for job in jobs {
        let name = job["metadata"]["labels"]["stockpipe.dev/run"].as_str().expect("its run");
        let (_, run) = runs.iter_mut().find(|(_, run)| run.name == name).expect("a run of ours");
        run.saw(job);
    }
    drop(life);
}
