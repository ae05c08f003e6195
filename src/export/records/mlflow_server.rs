//! A run told to an MLflow server by its REST interface (<https://mlflow.org/docs/latest/rest-api.html>).
//!
//! The run is found again by a tag. What the server knows of each curve is read first, so no point is told twice; points
//! that a resumed run reached again with the same value are known already. The interface cannot take points away: where a
//! run went back and did something else, both stay.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::http::{Host, escaped};
use super::run_log::{RunLog, plain_name};
use super::{Written, mlflow};
use crate::base::{Problem, Result};

/// Points and tags that the interface takes at once.
const POINTS: usize = 1000;
const SETTINGS: usize = 100;
/// Points of a curve that are read at once.
const PAGE: usize = 25_000;

/// A server, with what it knows of runs that were told to it.
pub struct Server {
    host: Host,
    url: String,
    runs: HashMap<String, Known>,
}

/// A run that the server knows.
struct Known {
    /// Its name there.
    run: String,
    /// Where its files lie.
    artifacts: String,
    points: HashSet<(String, u64, u64)>,
    settings: HashSet<String>,
    files: HashMap<String, blake3::Hash>,
}

impl Server {
    /// The server at `url`.
    ///
    /// # Errors
    /// The address is none, or asks for encryption.
    pub fn of(url: &str) -> Result<Self> {
        let token = std::env::var("MLFLOW_TRACKING_TOKEN").ok().filter(|t| t.chars().all(|c| c.is_ascii_graphic()));
        Ok(Self { host: Host::of(url, token)?, url: url.into(), runs: HashMap::new() })
    }

    /// Asks something; an answer that is no JSON, or an error, is a problem. `None`: there is no such thing.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        let bytes = if method == "GET" { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.host.send(method, &format!("/api/2.0/mlflow/{path}"), "application/json", &bytes)?;
        let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let text = |key: &str| value.as_ref().and_then(|v| v[key].as_str()).unwrap_or_default().to_owned();
        match (answer.status, text("error_code").as_str()) {
            (200..=299, _) => value.map(Some).ok_or_else(|| self.wrong("its answer is no JSON")),
            (_, "RESOURCE_DOES_NOT_EXIST") => Ok(None),
            (status, code) => Err(self.wrong(format!("{status} {code} {}", text("message")))),
        }
    }

    fn wrong(&self, why: impl std::fmt::Display) -> Problem {
        Problem::failed("The MLflow server did not take the run")
            .of(self.url.clone())
            .because(why)
            .try_this("Look whether it is MLflow (3 or later) and what its log says")
    }

    fn need(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.ask(method, path, body)?.ok_or_else(|| self.wrong(format!("{path}: there is none")))
    }

    /// The number of the studio's experiment, made if it is not there.
    fn experiment(&self) -> Result<String> {
        let path = format!("experiments/get-by-name?experiment_name={}", escaped(mlflow::EXPERIMENT));
        let id = |v: &Value| v.as_str().map(str::to_owned).ok_or_else(|| self.wrong("an experiment without a number"));
        match self.ask("GET", &path, &Value::Null)? {
            Some(found) => id(&found["experiment"]["experiment_id"]),
            None => {
                id(&self.need("POST", "experiments/create", &json!({ "name": mlflow::EXPERIMENT }))?["experiment_id"])
            }
        }
    }

    /// The run there, made if it is not, with every point that is known of it.
    fn known(&self, log: &RunLog) -> Result<Known> {
        let experiment = self.experiment()?;
        let filter = format!("tags.`latent_studio.run` = '{}'", log.id);
        let ask = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let found = self.need("POST", "runs/search", &ask)?;
        let run = match found["runs"].as_array().and_then(|all| all.first()) {
            Some(run) => run.clone(),
            None => {
                let tags = [("latent_studio.run".to_owned(), log.id.clone())];
                let new = json!({
                    "experiment_id": experiment, "run_name": log.summary.name, "start_time": log.millis(0.0),
                    "user_id": mlflow::user(), "tags": pairs(&tags),
                });
                self.need("POST", "runs/create", &new)?["run"].clone()
            }
        };
        let text = |v: &Value| v.as_str().map(str::to_owned).ok_or_else(|| self.wrong("a run without a name"));
        let id = text(&run["info"]["run_id"])?;
        let keys = |list: &Value| -> Vec<String> {
            let all = list.as_array().into_iter().flatten();
            all.filter_map(|v| v["key"].as_str().map(str::to_owned)).collect()
        };
        let mut points = HashSet::new();
        for key in keys(&run["data"]["metrics"]) {
            let mut page = String::new();
            loop {
                let (run, name) = (escaped(&id), escaped(&key));
                let path =
                    format!("metrics/get-history?run_id={run}&metric_key={name}&max_results={PAGE}&page_token={page}");
                let history = self.need("GET", &path, &Value::Null)?;
                for point in history["metrics"].as_array().into_iter().flatten() {
                    points.insert((key.clone(), whole(&point["step"]), bits(real(&point["value"]))));
                }
                match history["next_page_token"].as_str().filter(|token| !token.is_empty()) {
                    Some(token) => page = escaped(token),
                    None => break,
                }
            }
        }
        Ok(Known {
            artifacts: text(&run["info"]["artifact_uri"])?,
            settings: keys(&run["data"]["params"]).into_iter().collect(),
            run: id,
            points,
            files: HashMap::new(),
        })
    }

    /// Tells the server what it does not know of a run yet.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    pub fn write(&mut self, log: &RunLog) -> Result<Written> {
        let mut known = match self.runs.remove(&log.id) {
            Some(known) => known,
            None => self.known(log)?,
        };
        let mut out = Written { place: self.url.clone(), ..Written::default() };
        let new: Vec<(String, u64, u64, i64)> = log
            .points()
            .map(|p| (plain_name(p.key), p.step, bits(p.value), p.millis))
            .filter(|(key, step, value, _)| known.points.insert((key.clone(), *step, *value)))
            .collect();
        for some in new.chunks(POINTS) {
            let point = |(key, step, value, millis): &(String, u64, u64, i64)| {
                let value = f64::from_bits(*value);
                let value = if value.is_finite() { json!(value) } else { json!(named(value)) };
                json!({ "key": key, "value": value, "timestamp": millis, "step": step })
            };
            let points: Vec<Value> = some.iter().map(point).collect();
            self.batch(&known.run, "metrics", json!(points))?;
        }
        out.added = new.len() as u64;
        // What was told of a setting cannot be changed there.
        let fresh: Vec<(String, String)> =
            mlflow::params(log).into_iter().filter(|(key, _)| known.settings.insert(key.clone())).collect();
        for some in fresh.chunks(SETTINGS) {
            self.batch(&known.run, "params", pairs(some))?;
        }
        for some in mlflow::tags(log).chunks(SETTINGS) {
            self.batch(&known.run, "tags", pairs(some))?;
        }
        if let Some(data) = mlflow::dataset(log) {
            let context = json!([{ "key": "mlflow.data.context", "value": "training" }]);
            let set = json!({
                "name": data.name, "digest": data.digest, "source_type": "local", "source": data.source,
                "profile": data.profile,
            });
            let input = json!({ "run_id": known.run, "datasets": [{ "tags": context, "dataset": set }] });
            self.need("POST", "runs/log-inputs", &input)?;
        }
        let mut state = json!({
            "run_id": known.run, "status": mlflow::status(log.summary.state), "run_name": log.summary.name,
        });
        if let Some(end) = log.ended() {
            state["end_time"] = json!(end);
        }
        self.need("POST", "runs/update", &state)?;
        out.files = self.files(log, &mut known)?;
        self.runs.insert(log.id.clone(), known);
        Ok(out)
    }

    fn batch(&self, run: &str, what: &str, list: Value) -> Result<()> {
        self.need("POST", "runs/log-batch", &json!({ "run_id": run, what: list })).map(|_| ())
    }

    /// Sends files, where the server takes them itself; says how many.
    fn files(&self, log: &RunLog, known: &mut Known) -> Result<u64> {
        let Some(place) = known.artifacts.strip_prefix("mlflow-artifacts:/") else {
            log::warn!("files of the run stay here: the server keeps them at {}", known.artifacts);
            return Ok(0);
        };
        let mut sent = 0;
        for (name, bytes) in mlflow::artifacts(log)? {
            let hash = blake3::hash(&bytes);
            if known.files.insert(name.clone(), hash) == Some(hash) {
                continue;
            }
            let path = format!("/api/2.0/mlflow-artifacts/artifacts/{}/{name}", place.trim_matches('/'));
            let answer = self.host.send("PUT", &path, "application/octet-stream", &bytes)?;
            if !(200..300).contains(&answer.status) {
                return Err(self.wrong(format!("{name}: {}", answer.status)));
            }
            sent += 1;
        }
        Ok(sent)
    }
}

fn pairs(list: &[(String, String)]) -> Value {
    list.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// A value as it is compared: none is none, and zero has no sign.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

fn named(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// A number as the server writes it: large ones and those that are none are texts. The largest number stands for infinity.
fn real(value: &Value) -> f64 {
    let read = |text: &str| text.parse().unwrap_or(f64::NAN);
    let number: f64 = value.as_f64().or_else(|| value.as_str().map(read)).unwrap_or_default();
    if number.abs() == f64::MAX { number.signum() * f64::INFINITY } else { number }
}

fn whole(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were_told() {
        for value in [0.1, -3.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let told = if value.is_finite() { json!(value) } else { json!(named(value)) };
            assert_eq!(bits(real(&told)), bits(value), "{value}");
        }
        assert_eq!(real(&json!(f64::MAX)), f64::INFINITY);
        assert_eq!((bits(-0.0), whole(&json!("12")), whole(&json!(7))), (bits(0.0), 12, 7));
    }
}
