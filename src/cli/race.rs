//! `latent-studio runs race`: one setting, several values, equal pictures seen; losers end early.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::judging::{Judge, Judged};
use super::{device, interrupt, print_json, print_line, say, tell, watched};
use crate::base::paths::{Paths, write_atomically};
use crate::base::{Cancel, Kind, Problem, Result};
use crate::train::folder::RunFolder;
use crate::train::fork;
use crate::train::report::RunEvent;
use crate::train::session::{self, Options, Outcome};

/// Most forks of a race.
const MOST: usize = 12;

/// Arguments of `runs race`.
#[derive(Args)]
pub struct Race {
    /// A run's folder; RUN@KIMG races from its last checkpoint up to there
    #[arg(value_name = "RUN[@KIMG]")]
    run: String,
    /// A setting with the values to try, such as optim.lr=0.0005,0.0002,0.0001
    #[arg(long, value_name = "KEY=V,V,…")]
    over: String,
    /// Minutes that all forks may take together
    #[arg(long, value_name = "M")]
    minutes: f64,
    /// Rounds; after each, forks that are certainly worse than the best are ended
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Folder of the forks and of the table race.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Samples that each fork is judged by
    #[arg(long, default_value_t = 500)]
    count: usize,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// A fork's score after a round.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Lap {
    /// Pictures seen.
    images: u64,
    /// KID.
    #[serde(flatten)]
    judged: Judged,
}

/// A fork.
#[derive(Clone, Debug, Serialize)]
struct Lane {
    /// Value of the setting.
    value: String,
    /// Its folder.
    run: PathBuf,
    /// Scores, round by round.
    laps: Vec<Lap>,
    /// Whether it left the race before its end.
    ended_early: bool,
    /// Why it could not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Problem>,
}

/// The table that stays.
#[derive(Serialize)]
struct Table<'a> {
    run: &'a str,
    key: &'a str,
    minutes: f64,
    lanes: &'a [Lane],
    winner: Option<&'a Path>,
}

/// The setting and its values of `KEY=V,V,…`.
fn values(over: &str) -> Result<(String, Vec<String>)> {
    let bad = || Problem::usage("A race is given as KEY=V,V,…").of(over).try_this("For example optim.lr=0.0005,0.0002");
    let (key, values) = over.split_once('=').ok_or_else(bad)?;
    let mut values: Vec<String> = values.split(',').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
    let all = values.len();
    let mut seen = std::collections::HashSet::new();
    values.retain(|v| seen.insert(v.clone()));
    if key.trim().is_empty() || values.len() < 2 || values.len() < all || values.len() > MOST {
        return Err(bad().because(format!("from 2 to {MOST} different values")));
    }
    Ok((key.trim().into(), values))
}

/// Which lanes are certainly worse than the best: their interval lies above its interval.
fn losers(laps: &[Option<Judged>]) -> Vec<bool> {
    let best = laps.iter().flatten().min_by(|a, b| a.value.total_cmp(&b.value));
    laps.iter().map(|lap| matches!((lap, best), (Some(lap), Some(best)) if lap.low > best.high)).collect()
}

impl Race {
    /// Forks, trains in slices, judges.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let (key, values) = values(&self.over)?;
        if !(self.minutes > 0.0 && self.minutes.is_finite()) || self.rounds == 0 {
            return Err(Problem::usage("A race needs some minutes and at least one round")
                .of(format!("--minutes {} --rounds {}", self.minutes, self.rounds)));
        }
        let (dir, images) = super::runs::place(&self.run)?;
        let from = RunFolder::open(&dir)?;
        let (device, progress, ending) = (device(&self.device, paths), watched(self.json), interrupt());
        let table = self.out.join("race.json");
        if table.exists() {
            return Err(Problem::usage("There is the table of another race in this folder already")
                .of(table.display().to_string())
                .try_this("Choose another folder"));
        }
        let mut lanes: Vec<Lane> = Vec::new();
        for value in &values {
            let name = crate::base::paths::safe_name(&format!("{key} {value}"));
            let made =
                fork::fork(&from, images, &self.out.join(name), &[format!("{key}={value}")]).inspect_err(|_| {
                    // Those that were made for this race alone.
                    for lane in &lanes {
                        let _ = std::fs::remove_dir_all(&lane.run);
                    }
                })?;
            lanes.push(Lane {
                value: value.clone(),
                run: made.dir().into(),
                laps: Vec::new(),
                ended_early: false,
                why: None,
            });
        }
        let judge = Judge { data: None, count: self.count, seed: 1, device: &device };
        let until = Instant::now() + Duration::from_secs_f64(self.minutes * 60.0);
        for round in 0..self.rounds {
            let mut goal = None;
            for i in 0..lanes.len() {
                if lanes[i].ended_early {
                    continue;
                }
                let waiting = lanes[i..].iter().filter(|l| !l.ended_early).count() as u32;
                let alive = lanes.iter().filter(|l| !l.ended_early).count() as u32;
                let slices = waiting + alive * (self.rounds - 1 - round);
                let slice = until.saturating_duration_since(Instant::now()) / slices;
                if !self.json {
                    tell(&format!("round {}, {key} = {}", round + 1, lanes[i].value));
                }
                let folder = RunFolder::open(&lanes[i].run)?;
                // The first of a round takes its time; the others see as many pictures as it did.
                let model = lanes[i].run.display().to_string();
                let lap = train(&folder, slice, goal, (&device, &ending), paths).and_then(|seen| {
                    goal = goal.or(Some(seen));
                    Ok(Lap { images: seen, judged: judge.of(&model, None, paths, &progress)? })
                });
                match lap {
                    Ok(lap) => lanes[i].laps.push(lap),
                    Err(problem) if problem.kind == Kind::Interrupted => return Err(problem),
                    // A setting with which it diverges has lost.
                    Err(problem) => {
                        say(&problem.clone().warning());
                        (lanes[i].ended_early, lanes[i].why) = (true, Some(problem));
                    }
                }
                self.keep(&key, &lanes, None)?;
            }
            let last: Vec<Option<Judged>> =
                lanes.iter().map(|l| l.laps.last().filter(|_| !l.ended_early).map(|lap| lap.judged)).collect();
            for (lane, lost) in lanes.iter_mut().zip(losers(&last)) {
                lane.ended_early |= lost;
            }
            if lanes.iter().filter(|l| !l.ended_early).count() < 2 {
                break;
            }
        }
        let score = |l: &Lane| l.laps.last().map_or(f64::INFINITY, |lap| lap.judged.value);
        let winner = lanes.iter().filter(|l| !l.ended_early).min_by(|a, b| score(a).total_cmp(&score(b)));
        let winner = winner.map(|l| l.run.clone());
        let table = self.keep(&key, &lanes, winner.as_deref())?;
        if self.json {
            return print_json(&table);
        }
        for lane in &lanes {
            let laps: Vec<String> = lane.laps.iter().map(|l| format!("{:.4}", l.judged.value)).collect();
            let end = if lane.ended_early { ", ended early" } else { "" };
            print_line(&format!("{key} = {:<12} KID {}{end}", lane.value, laps.join(" → ")))?;
        }
        match winner {
            Some(run) => print_line(&format!("Go on with the best: latent-studio train --resume {}", run.display())),
            None => Ok(()),
        }
    }

    /// Writes the table, and gives it.
    fn keep(&self, key: &str, lanes: &[Lane], winner: Option<&Path>) -> Result<serde_json::Value> {
        let table = Table { run: &self.run, key, minutes: self.minutes, lanes, winner };
        let table = serde_json::to_value(table)
            .map_err(|e| Problem::failed("The table of the race could not be written").because(e))?;
        write_atomically(&self.out.join("race.json"), format!("{table:#}").as_bytes())?;
        Ok(table)
    }
}

/// Trains a fork until it has seen `goal` pictures, or for `slice` where there is no goal; says how many it has seen.
fn train(
    folder: &RunFolder,
    slice: Duration,
    goal: Option<u64>,
    (device, ending): (&str, &Cancel),
    paths: &Paths,
) -> Result<u64> {
    let stop = Cancel::new();
    let mut began: Option<Instant> = None;
    let raise = stop.clone();
    let mut sink = |event: &RunEvent| {
        if let RunEvent::Reading(reading) = event {
            // Time counts from the first step on, not while the device starts.
            let began = *began.get_or_insert_with(Instant::now);
            if goal.map_or(began.elapsed() >= slice, |goal| reading.images >= goal) {
                raise.cancel();
            }
        }
        if ending.is_cancelled() {
            raise.cancel();
        }
    };
    let options = Options { stop, ..Options::new(paths.prepared(), device, &mut sink) };
    let outcome = session::run(folder, options)?;
    ending.check()?;
    debug_assert!(matches!(outcome, Outcome::Finished | Outcome::Interrupted));
    Ok(folder.checkpoints().last().map_or(0, |c| c.images))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_several_and_different() {
        assert_eq!(values("optim.lr=1, 2,3").unwrap(), ("optim.lr".into(), vec!["1".into(), "2".into(), "3".into()]));
        for bad in ["optim.lr", "optim.lr=1", "=1,2", "a=1,1", "a=1,2,1", "a=1,2,3,4,5,6,7,8,9,10,11,12,13"] {
            assert!(values(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_who_is_certainly_worse_loses() {
        let of = |value: f64, half: f64| Some(Judged { value, low: value - half, high: value + half });
        assert_eq!(losers(&[of(1.0, 0.2), of(1.3, 0.2), of(2.0, 0.2), None]), [false, false, true, false]);
        assert_eq!(losers(&[None, None]), [false, false]);
    }
}
