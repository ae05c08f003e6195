//! Which devices can be trusted: each is probed in a process of its own before anything is trained on it.
//!
//! A driver that crashes, hangs or computes wrong numbers takes only the probing process with it. Verdicts are kept by
//! the studio's version and the driver's name, so that the next start does not probe again.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::DeviceReport;
use super::runs::launch::{ending, set_apart};
use crate::base::paths::{Paths, write_atomically};
use crate::base::vault;

/// A probe that takes longer hangs. Kernels are compiled at the first use, which takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Probes devices.
pub struct Prober {
    /// Program, asked with `devices --probe ID`, that prints one [`DeviceReport`] as JSON.
    pub program: PathBuf,
    /// Arguments before the device's id.
    pub arguments: Vec<String>,
    /// How long a probe may take.
    pub patience: Duration,
    /// File that keeps the verdicts.
    pub cache: PathBuf,
    /// Changes when drivers do.
    pub drivers: String,
}

/// A verdict, with what it was about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Verdict {
    /// Studio's version and driver's name.
    about: String,
    report: DeviceReport,
}

impl Prober {
    /// Asks the studio's own binary.
    pub fn studio(program: PathBuf, paths: &Paths) -> Self {
        Self {
            program,
            arguments: vec!["devices".into(), "--probe".into()],
            patience: PATIENCE,
            cache: paths.cache.join("devices.json"),
            drivers: drivers(),
        }
    }

    /// What is known without probing; nothing if any candidate has no verdict that still holds.
    pub fn known(&self, candidates: &[(String, String)]) -> Option<Vec<DeviceReport>> {
        let kept = self.kept();
        let verdict = |(id, name): &(String, String)| {
            kept.get(id).filter(|v| v.about == self.about(name)).map(|v| v.report.clone())
        };
        candidates.iter().map(verdict).collect()
    }

    /// A report for each candidate `(id, name)`, from the kept verdicts where nothing changed, unless `again`.
    ///
    /// The CPU is always usable. `told` gets the reports so far after each probe.
    pub fn probe(
        &self,
        candidates: &[(String, String)],
        again: bool,
        told: &mut dyn FnMut(&[DeviceReport]),
    ) -> Vec<DeviceReport> {
        let mut kept = self.kept();
        let mut reports: Vec<DeviceReport> = Vec::new();
        thread::scope(|scope| {
            let known = |(id, name): &(String, String)| {
                let report = kept.get(id).filter(|v| v.about == self.about(name) && !again).map(|v| v.report.clone());
                report.map_or_else(
                    || {
                        let (id, name) = (id.clone(), name.clone());
                        Err(scope.spawn(move || self.probe_one(&id, &name)))
                    },
                    Ok,
                )
            };
            // The CPU by itself, so that its speed is measured undisturbed; the others at once, for a driver that hangs
            // takes all of its time.
            let mut waiting = Vec::new();
            let mut rest = candidates.iter();
            if let Some(first) = rest.next() {
                let report = known(first).unwrap_or_else(|probe| joined(probe, &first.0, &first.1));
                reports.push(report);
                told(&reports);
            }
            waiting.extend(rest.map(|candidate| (candidate, known(candidate))));
            for ((id, name), report) in waiting {
                reports.push(report.unwrap_or_else(|probe| joined(probe, id, name)));
                told(&reports);
            }
        });
        for ((id, name), report) in candidates.iter().zip(&reports) {
            kept.insert(id.clone(), Verdict { about: self.about(name), report: report.clone() });
        }
        if let Ok(bytes) = serde_json::to_vec_pretty(&kept) {
            // Without the file the next start probes again, no more.
            let _ = write_atomically(&self.cache, &bytes);
        }
        reports
    }

    fn kept(&self) -> BTreeMap<String, Verdict> {
        vault::read(&self.cache).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default()
    }

    fn about(&self, name: &str) -> String {
        format!("{} {} | {name} | {}", env!("CARGO_PKG_VERSION"), self.build(), self.drivers)
    }

    /// Tells one build of the program from another of the same version.
    fn build(&self) -> String {
        std::fs::metadata(&self.program).map_or_else(|_| String::new(), |m| m.len().to_string())
    }

    fn probe_one(&self, id: &str, name: &str) -> DeviceReport {
        let cpu = id == "cpu";
        let report = |usable, reason: String| DeviceReport {
            id: id.into(),
            name: name.into(),
            usable,
            reason,
            gpu: false,
            gmacs_per_s: None,
        };
        match self.ask(id) {
            Ok(found) if found.id == id => DeviceReport { usable: found.usable || cpu, ..found },
            Ok(found) => report(cpu, format!("The probe answered for another device ({})", found.id)),
            Err(reason) => report(cpu, reason),
        }
    }

    fn ask(&self, id: &str) -> Result<DeviceReport, String> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(id).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        set_apart(&mut command);
        let mut child = command.spawn().map_err(|e| format!("It could not be probed: {e}"))?;
        // Read while it works: a full pipe would make it wait for ever.
        let out = child.stdout.take().map(read_all);
        let err = child.stderr.take().map(read_all);
        let start = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if start.elapsed() > self.patience => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("It did not answer within {} seconds", self.patience.as_secs()));
                }
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                Err(e) => return Err(format!("It could not be probed: {e}")),
            }
        };
        let text = |reader: Option<thread::JoinHandle<String>>| reader.and_then(|t| t.join().ok()).unwrap_or_default();
        let (out, err) = (text(out), text(err));
        let answer = out.lines().rev().find_map(|line| serde_json::from_str::<DeviceReport>(line.trim()).ok());
        match answer {
            Some(report) if status.success() || !report.usable => Ok(report),
            // A right answer followed by a crash is no device to trust.
            _ => {
                let how = ending(status).how;
                let last = err.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default().trim().to_string();
                let last = if last.is_empty() { last } else { format!(": {}", shortened(&last)) };
                Err(if how.starts_with("killed") {
                    format!("Its driver crashed while it was probed ({how}){last}")
                } else {
                    format!("Its probe failed ({how}){last}")
                })
            }
        }
    }
}

/// A probe's report; the thread itself does not break, and if it does, the device is not to be trusted.
fn joined(probe: thread::ScopedJoinHandle<'_, DeviceReport>, id: &str, name: &str) -> DeviceReport {
    probe.join().unwrap_or_else(|_| DeviceReport {
        id: id.into(),
        name: name.into(),
        usable: id == "cpu",
        reason: "Its probe broke".into(),
        gpu: false,
        gmacs_per_s: None,
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The device to offer first: the fastest real GPU that can be trusted, otherwise the CPU. A GPU in software is never
/// preferred.
pub fn preferred(reports: &[DeviceReport]) -> &str {
    let speed = |r: &&DeviceReport| r.gmacs_per_s.unwrap_or(0.0);
    reports
        .iter()
        .filter(|r| r.usable && r.gpu)
        .max_by(|a, b| speed(a).total_cmp(&speed(b)))
        .map_or("cpu", |r| r.id.as_str())
}

/// A text that changes when a driver is installed or updated, from places that are quick to look at.
///
/// Asking the drivers themselves would mean loading them, and a bad one must not be loaded here.
pub fn drivers() -> String {
    const PLACES: [&str; 8] = [
        "/usr/share/vulkan/icd.d",
        "/etc/vulkan/icd.d",
        "/usr/lib/x86_64-linux-gnu/dri",
        "/usr/lib/aarch64-linux-gnu/dri",
        "/usr/lib/dri",
        "/usr/lib64/dri",
        "/System/Library/CoreServices/SystemVersion.plist",
        r"C:\Windows\System32\DriverStore\FileRepository",
    ];
    let mut hash = blake3::Hasher::new();
    for text in ["/proc/driver/nvidia/version", "/proc/sys/kernel/osrelease"] {
        hash.update(&vault::read(text).unwrap_or_default());
    }
    for place in PLACES.map(Path::new) {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(place).into_iter().flatten().filter_map(|e| e.ok().map(|e| e.path())).collect();
        files.sort();
        files.push(place.into());
        for file in files {
            let Ok(meta) = std::fs::metadata(&file) else { continue };
            hash.update(format!("{} {} {:?};", file.display(), meta.len(), meta.modified().ok()).as_bytes());
        }
    }
    hash.finalize().to_hex().as_str()[..16].to_string()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_the_drivers_is_stable() {
        assert_eq!(drivers(), drivers());
        assert_eq!(drivers().len(), 16);
    }

    fn prober(dir: &Path, script: &str) -> Prober {
        Prober {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into(), "sh".into()],
            patience: Duration::from_millis(600),
            cache: dir.join("devices.json"),
            drivers: "d1".into(),
        }
    }

    const SCRIPT: &str = r#"echo "$1" >> "$COUNT"
case "$1" in
  gpu:0) echo noise; echo '{"id":"gpu:0","name":"Good","usable":true,"reason":"","gpu":true,"gmacs_per_s":90.0}';;
  gpu:1) echo about to fall >&2; kill -SEGV $$;;
  gpu:2) exec sleep 20;;
  gpu:3) echo '{"id":"gpu:3","name":"Wrong","usable":false,"reason":"Wrong numbers","gpu":true,"gmacs_per_s":null}';;
  gpu:4) echo '{"id":"gpu:4","name":"Late","usable":true,"reason":"","gpu":true,"gmacs_per_s":99.0}'; kill -SEGV $$;;
  *) exit 4;;
esac"#;

    #[test]
    fn crashes_hangs_and_wrong_numbers_are_unusable_with_a_reason_and_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        let prober = prober(dir.path(), &SCRIPT.replace("$COUNT", &count.display().to_string()));
        let candidates: Vec<(String, String)> =
            ["cpu", "gpu:0", "gpu:1", "gpu:2", "gpu:3", "gpu:4"].map(|id| (id.into(), format!("{id} driver 1"))).into();
        let mut steps = 0;
        let reports = prober.probe(&candidates, false, &mut |_| steps += 1);
        assert_eq!(steps, 6);
        let usable: Vec<_> = reports.iter().map(|r| r.usable).collect();
        assert_eq!(usable, [true, true, false, false, false, false], "{reports:#?}");
        assert!(reports[2].reason.contains("crashed") && reports[2].reason.contains("about to fall"), "{reports:#?}");
        assert!(reports[3].reason.contains("did not answer"));
        assert_eq!(reports[4].reason, "Wrong numbers");
        assert_eq!(preferred(&reports), "gpu:0");

        let probes = || vault::read_to_string(&count).unwrap().lines().count();
        assert_eq!(probes(), 6);
        assert_eq!(prober.probe(&candidates, false, &mut |_| ()), reports);
        assert_eq!(probes(), 6, "nothing changed, nothing was probed");
        assert_eq!(prober.known(&candidates), Some(reports.clone()));
        let updated = Prober { drivers: "d2".into(), ..self::prober(dir.path(), "") };
        assert_eq!(updated.known(&candidates), None, "a driver was updated");
        let mut newer = candidates.clone();
        newer[1].1 = "gpu:0 driver 2".into();
        prober.probe(&newer, false, &mut |_| ());
        assert_eq!(probes(), 7, "a new driver is probed anew");
        prober.probe(&newer, true, &mut |_| ());
        assert_eq!(probes(), 13);
    }

    #[test]
    fn a_software_gpu_is_not_preferred() {
        let mut report = DeviceReport {
            id: "wgsl:0".into(),
            name: "llvmpipe".into(),
            usable: true,
            reason: String::new(),
            gpu: false,
            gmacs_per_s: Some(5.0),
        };
        assert_eq!(preferred(std::slice::from_ref(&report)), "cpu");
        report.gpu = true;
        assert_eq!(preferred(&[report]), "wgsl:0");
    }
}
