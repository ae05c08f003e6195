//! A report of a run as one HTML file: what it learned from, how, what came of it, what went wrong. It needs nothing from
//! elsewhere, runs no script, and names neither folders nor users.

mod html;
mod svg;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use html::{escaped, picture, table};
use svg::number;

use super::png_bytes;
use super::records::run_log::RunLog;
use super::scale::{Filter, scale};
use crate::base::paths::{Paths, write_atomically};
use crate::base::series::{Axis, Series};
use crate::base::{Family, Picture, Problem, Progress, Result};
use crate::eval::{NAMES, Score, store};
use crate::models::info::ModelInfo;
use crate::models::io::{METADATA, SNAPSHOT, Weights};
use crate::train::doctor::finding::{Course, Finding};
use crate::train::{doctor, preview};

/// Samples that are shown from each time.
const SAMPLES: usize = 16;
/// Times that samples are shown from.
const TIMES: usize = 6;
/// Points of a curve at most.
const POINTS: usize = 240;
/// Curves at most; scores come first.
const CURVES: usize = 16;
/// Pixels a side that samples are enlarged to at least, by whole factors.
const SIDE: u32 = 64;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1e24;--paper:#fdfdfc;--weak:#666c78;--line:#d9dce2;--accent:#2f55d4;--warn:#a05a00}
@media(prefers-color-scheme:dark){:root{--ink:#e4e6ea;--paper:#17191d;--weak:#9aa1ad;--line:#353a43;--accent:#8ea6ff;--warn:#e3a24a}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.8rem;margin:0}h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line)}
.weak{color:var(--weak)}.warn{color:var(--warn)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .8rem .25rem 0;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:500;color:var(--weak);width:16rem}
.curves,.times{display:flex;flex-wrap:wrap;gap:1rem}.curves svg{width:21rem;max-width:100%}.times figure{margin:0}.times img{image-rendering:pixelated;max-width:100%}
figcaption{color:var(--weak);font-size:.9rem}
svg .name{font:600 12px system-ui,sans-serif;fill:var(--ink)}svg .tick{font:11px system-ui,sans-serif;fill:var(--weak)}
svg .axis{stroke:var(--line)}svg .mark{stroke:var(--warn);stroke-dasharray:3 3}svg polyline{fill:none;stroke:var(--accent);stroke-width:1.5}
details summary{cursor:pointer;color:var(--weak)}article{border-left:3px solid var(--line);padding-left:1rem;margin:1rem 0}
";

/// What a person adds to a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Under which licence the pictures are; nothing where it is not known.
    pub licence: Option<String>,
    /// What else is to be said.
    pub note: Option<String>,
    /// Whether device, data set and the model that it went on from are left out.
    pub no_traces: bool,
}

/// Writes the report of a run.
///
/// # Errors
/// There is no run in the folder, it is damaged, or the file cannot be written.
pub fn write(run: &Path, about: &About, out: &Path, paths: &Paths, progress: &dyn Progress) -> Result<()> {
    let text = page(run, about, paths, progress)?;
    write_atomically(out, text.as_bytes())
}

/// The report of a run as text.
///
/// # Errors
/// As [`write`].
pub fn page(run: &Path, about: &About, paths: &Paths, progress: &dyn Progress) -> Result<String> {
    progress.report("Reading the run", 0, 4);
    let mut log = RunLog::read(run, None)?;
    if about.no_traces {
        log = log.without_traces();
    }
    let findings = doctor::examine(&log.folder)?;
    progress.cancel().check()?;
    progress.report("Reading scores", 1, 4);
    let scores = scores(&log, paths);
    progress.report("Reading samples", 2, 4);
    let samples = samples(&log);
    progress.cancel().check()?;
    progress.report("Writing", 3, 4);
    let summary = &log.summary;
    let mut body = String::new();
    let name = escaped(&summary.name);
    let line = sentence(&log)?;
    let _ = write!(body, "<header><h1>{name}</h1><p class=\"weak\">{}</p></header>", escaped(&line));
    if let Some(note) = &about.note {
        let _ = write!(body, "<p>{}</p>", escaped(note));
    }
    section(&mut body, "What it learned from", &data(&log, about));
    section(&mut body, "What came of it", &shown(&samples));
    section(&mut body, "Scores", &score_table(&scores));
    section(&mut body, "Curves", &curves(&log, &findings));
    section(&mut body, "What the doctor found", &found(&findings));
    section(&mut body, "Learned by heart?", &memory(&scores));
    section(&mut body, "How it was trained", &how(&log));
    section(&mut body, "Limits", &limits(&log));
    section(&mut body, "Marks in what is exported", MARKS);
    progress.report("Writing", 4, 4);
    let studio = env!("CARGO_PKG_VERSION");
    Ok(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"generator\" content=\"Latent Studio {studio}\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
         <title>{name}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    ))
}

fn section(body: &mut String, title: &str, content: &str) {
    let _ = write!(body, "<section><h2>{}</h2>{content}</section>", escaped(title));
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escaped(text))
}

fn kimg(images: u64) -> String {
    format!("{} kimg", number(images as f64 / 1000.0))
}

/// What the run is, in a sentence.
fn sentence(log: &RunLog) -> Result<String> {
    let (summary, recipe) = (&log.summary, &log.summary.recipe);
    let seconds = log.readings().last().map_or(0.0, |r| r.seconds);
    let time = match seconds as u64 {
        s if s >= 7200 => format!("{:.1} hours", seconds / 3600.0),
        s if s >= 120 => format!("{:.0} minutes", seconds / 60.0),
        s => format!("{s} seconds"),
    };
    let family = match recipe.family()? {
        Family::Gan => "GAN",
        Family::Vae => "VAE",
        Family::Tokens => "token model",
        Family::Prior => "prior over tokens",
    };
    let seen = kimg(summary.progress.images);
    // What it trains on, rather than what was asked for.
    let told = &summary.progress.device;
    let device = if told.is_empty() { &log.file.device } else { told };
    let on = if device.is_empty() { String::new() } else { format!(" on {device}") };
    Ok(format!(
        "A {family} ({}) for pictures of {} pixels, after {seen} and {time} of training{on}",
        recipe.model.id,
        recipe.data.resolution.both(),
    ))
}

/// The data: no folder is named but the last part of its path.
fn data(log: &RunLog, about: &About) -> String {
    let recipe = &log.summary.recipe;
    let source =
        Path::new(&recipe.data.source).file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let mut rows = Vec::new();
    if !source.is_empty() {
        rows.push(("Data".to_string(), source));
    }
    if let Some(mark) = &log.file.data {
        rows.push(("Pictures".into(), mark.pictures.to_string()));
        rows.push(("Hash of the pictures".into(), mark.hash.clone()));
    }
    if !recipe.model.classes.is_empty() {
        rows.push(("Classes".into(), recipe.model.classes.join(", ")));
    }
    let licence = about.licence.clone().unwrap_or_else(|| "Not stated".into());
    rows.push(("Licence of the pictures".into(), licence));
    if let Some(parent) = &recipe.parent {
        rows.push(("Went on from".into(), format!("{} ({})", parent.model, parent.hash)));
    }
    table(rows)
}

/// Samples of some times, evenly spread, each as a sheet.
fn samples(log: &RunLog) -> Vec<(u64, Picture)> {
    let mut times: Vec<u64> = std::fs::read_dir(log.folder.previews_dir())
        .map(|entries| {
            let name =
                |e: std::io::Result<std::fs::DirEntry>| e.ok()?.path().file_stem()?.to_str()?.parse::<u64>().ok();
            entries.filter_map(name).collect()
        })
        .unwrap_or_default();
    times.sort_unstable();
    let chosen: Vec<u64> = match times.len() {
        0..=TIMES => times,
        n => (0..TIMES).map(|i| times[i * (n - 1) / (TIMES - 1)]).collect(),
    };
    let sheet = |images: u64| {
        let shown = preview::load(&log.folder.previews_dir(), images).ok()?;
        let cells = if shown.samples.is_empty() { shown.reconstructions } else { shown.samples };
        let side = cells.first()?.width.max(1);
        let factor = (SIDE / side).max(1);
        let cells: Vec<Picture> = cells.iter().take(SAMPLES).map(|p| scale(p, factor, Filter::Nearest)).collect();
        Some((images, Picture::grid(&cells, 4, 1, [0; 4])))
    };
    chosen.into_iter().filter_map(sheet).collect()
}

fn shown(samples: &[(u64, Picture)]) -> String {
    if samples.is_empty() {
        return paragraph("No samples were kept.");
    }
    let mut out =
        String::from("<p>Samples of the averaged weights, of the same latents each time.</p><div class=\"times\">");
    for (images, sheet) in samples {
        let Ok(png) = png_bytes(sheet, None) else { continue };
        let name = format!("Samples after {}", kimg(*images));
        let _ = write!(out, "<figure>{}<figcaption>{}</figcaption></figure>", picture(&png, &name), escaped(&name));
    }
    out + "</div>"
}

/// Scores of the run's checkpoints: pictures seen, score.
fn scores(log: &RunLog, paths: &Paths) -> Vec<(u64, Score)> {
    let mut out = Vec::new();
    for checkpoint in &log.summary.checkpoints {
        let metadata = Weights::read_metadata(&checkpoint.path.join(SNAPSHOT)).unwrap_or_default();
        if let Ok(info) = ModelInfo::from_metadata(metadata.get(METADATA)) {
            out.extend(store::known(paths, &info.hash).into_iter().map(|s| (checkpoint.images, s)));
        }
    }
    out
}

fn score_table(scores: &[(u64, Score)]) -> String {
    if scores.is_empty() {
        return paragraph("None was measured after training. Measure them with `latent-studio evaluate --model RUN`.");
    }
    let mut out = String::from(
        "<table><tr><th>Score</th><td>After</td><td>Value (95 % interval)</td><td>Measured on</td><td>What it means</td></tr>",
    );
    for (images, score) in scores {
        let row = NAMES.iter().find(|n| score.name.split('/').next() == Some(n.name));
        let title = row.map_or_else(|| score.name.clone(), |n| score.name.replacen(n.name, n.title, 1));
        let value = format!("{} ({} to {})", number(score.value), number(score.low), number(score.high));
        let on = if score.extractor.is_empty() {
            format!("{}", score.count)
        } else {
            format!("{}, {}", score.count, score.extractor)
        };
        let says = [row.map_or("", |n| n.says), score.note.as_str()].join(" ");
        let cells = [kimg(*images), value, on, says].map(|c| format!("<td>{}</td>", escaped(c.trim()))).concat();
        let _ = write!(out, "<tr><th>{}</th>{cells}</tr>", escaped(&title));
    }
    out + "</table>"
}

/// Charts of the curves, scores first, with lines where something was found.
fn curves(log: &RunLog, findings: &[Finding]) -> String {
    let mut all: BTreeMap<&str, Series> = BTreeMap::new();
    for reading in log.readings() {
        for (key, value) in &reading.values {
            all.entry(key).or_default().push(reading.step, reading.images, reading.seconds, *value);
        }
    }
    // Bounds of intervals belong to their score.
    all.retain(|key, series| !key.ends_with(".low") && !key.ends_with(".high") && series.len() > 1);
    if all.is_empty() {
        return paragraph("Nothing was told yet.");
    }
    let first = |key: &str| {
        !["kid", "fid", "swd", "precision", "recall", "elbo", "mse", "nats"].iter().any(|s| key.starts_with(s))
    };
    let mut keys: Vec<&str> = all.keys().copied().collect();
    // What says least of the model comes last.
    let last = |key: &str| ["data_", "images_per_s", "lr"].iter().any(|s| key.starts_with(s));
    keys.sort_by_key(|key| (last(key), first(key), *key));
    let marks: Vec<(f64, String)> = findings
        .iter()
        .filter(|f| f.course == Course::Found)
        .map(|f| (f.images as f64 / 1000.0, f.title.clone()))
        .collect();
    let chart = |key: &&str| {
        let series = &all[*key];
        svg::chart(key, &series.reduced(Axis::Kimg, &series.values, POINTS / 2), &marks)
    };
    let shown: String = keys.iter().take(CURVES).map(chart).collect();
    let rest = keys.len().saturating_sub(CURVES);
    let left = if rest > 0 { paragraph(&format!("{rest} more curves are kept with the run.")) } else { String::new() };
    format!("<div class=\"curves\">{shown}</div>{left}")
}

fn found(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return paragraph("Nothing.");
    }
    let mut out = String::new();
    for finding in findings {
        let course = match finding.course {
            Course::Found => format!("{:.0} % sure", finding.confidence * 100.0),
            Course::Gone => "gone".into(),
            Course::Remains => "remains".into(),
        };
        let head = format!("{}, after {}: {course}", finding.title, kimg(finding.images));
        let _ = write!(out, "<article><strong>{}</strong><p>{}</p>", escaped(&head), escaped(&finding.explanation));
        let row = |e: &crate::train::doctor::finding::Evidence| {
            (e.number.clone(), format!("{} (healthy: {})", number(e.value), e.healthy))
        };
        out.push_str(&table(finding.evidence.iter().map(row)));
        out.push_str("</article>");
    }
    out
}

fn memory(scores: &[(u64, Score)]) -> String {
    let measured: Vec<&(u64, Score)> = scores.iter().filter(|s| s.1.name.starts_with("memory")).collect();
    let Some((images, score)) = measured.last() else {
        return paragraph(
            "Not measured. `latent-studio evaluate --model RUN --metrics memory` says whether samples are nearer to the \
             training pictures than unseen pictures are; `latent-studio audit --model RUN` looks for copies.",
        );
    };
    let (value, low, high) = (number(score.value), number(score.low), number(score.high));
    paragraph(&format!(
        "After {} a sample is nearer to the training pictures than an unseen picture is with a chance of {value} ({low} to \
         {high}); 0.5 is right, 1 is learned by heart.",
        kimg(*images)
    ))
}

fn how(log: &RunLog) -> String {
    let mut out = String::new();
    if let Some(origin) = &log.summary.origin {
        let changes: Vec<String> = origin.changes.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let what = if changes.is_empty() { "no change".into() } else { changes.join(", ") };
        let from = origin.run.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        out += &paragraph(&format!("A fork of {from} after {} with {what}.", kimg(origin.images)));
    }
    let edits = log.folder.edits();
    if !edits.is_empty() {
        out += &paragraph("Changed while it trained:");
        out += &table(edits.iter().map(|e| (format!("{} from {}", e.key, kimg(e.images)), e.value.to_string())));
    }
    // The source may name a folder.
    let rows = log.params().into_iter().filter(|(key, _)| key != "data.source" && !key.starts_with("data.exclude"));
    let _ = write!(out, "<details><summary>All settings</summary>{}</details>", table(rows));
    out + &table([("Build".to_string(), crate::BUILD.to_string())])
}

fn limits(log: &RunLog) -> String {
    let recipe = &log.summary.recipe;
    let mut out =
        vec![format!("It makes pictures of {} pixels; anything larger is enlarged.", recipe.data.resolution.both())];
    if log.summary.state.is_alive() {
        out.push("It was still training when this was written.".into());
    }
    if log.file.data.as_ref().is_some_and(|d| d.pictures < 1000) {
        out.push(
            "It learned from fewer than a thousand pictures: look for copies before results are published.".into(),
        );
    }
    match recipe.family() {
        Ok(Family::Gan) => {
            out.push("A GAN may leave out parts of its data without a sign; recall and coverage say how much.".into())
        }
        Ok(Family::Vae) => out.push("A VAE's pictures are smoother than its data.".into()),
        _ => {}
    }
    out.iter().map(|text| paragraph(text)).collect()
}

const MARKS: &str = "<p>Pictures and films carry the recipe that made them and the IPTC digital source type \
    <code>trainedAlgorithmicMedia</code>, unless they are exported without. Other programs may drop both.</p>";

/// Refuses a name that no browser takes for a page.
///
/// # Errors
/// It does not end in `.html`.
pub fn check_name(out: &Path) -> Result<()> {
    let ending = out.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("html" | "htm") => Ok(()),
        _ => Err(Problem::usage("A report is an HTML file")
            .of(out.display().to_string())
            .try_this("Give it a name that ends in .html")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::export::records::testing::{begin, home};
    use crate::train::folder::RunFolder;

    fn report(run: &RunFolder, paths: &Paths) -> String {
        let about = About { licence: Some("CC0".into()), note: Some("for <you>".into()), no_traces: false };
        page(run.dir(), &about, paths, &Quiet::default()).unwrap()
    }

    #[test]
    fn a_report_tells_of_the_run_and_needs_nothing_else() {
        let home = home();
        let run = begin(&home, "a <b>run</b>", &[1000, 2000, 4000]);
        let text = report(&run, &Paths::under(home.path()));
        for expected in
            ["aria-label=\"loss from 0.001 to 0.00025\"", "4 kimg", "CC0", "for &lt;you&gt;", &"d".repeat(64)]
        {
            assert!(text.contains(expected), "{expected}");
        }
        assert!(!text.contains("kid.low"), "bounds belong to their score");
        // Nothing is fetched, nothing runs, no folder is named, no name becomes a tag.
        for never in ["<script", "http://", "https://", "<link", "url(", "<b>run", &home.path().display().to_string()] {
            assert!(!text.contains(never), "{never}");
        }
        assert!(balanced(&text), "every tag is closed");
    }

    /// In Chromium, at the width of a phone and of a window: nothing is wider than the page, and all pictures are there.
    #[test]
    fn a_browser_shows_all_of_it() {
        let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
            std::process::Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success())
        });
        let Some(browser) = found else { return eprintln!("skipped: Chromium is not installed") };
        let home = home();
        let run = begin(&home, &"a name of many letters ".repeat(9), &[1000, 2000, 4000]);
        let text = report(&run, &Paths::under(home.path()));
        for width in [400, 1100] {
            let frame = text.replace('&', "&amp;").replace('"', "&quot;");
            let page = format!(
                "<!doctype html><title></title><iframe style=\"width:{width}px;height:900px;border:0\" srcdoc=\"{frame}\"></iframe>\
                 <script>onload=()=>{{let d=document.querySelector('iframe').contentDocument,e=d.documentElement;\
                 let lost=[...d.images].filter(i=>!i.naturalWidth).length;\
                 document.body.textContent='told '+[e.scrollWidth<=e.clientWidth,lost,d.querySelectorAll('h2').length>2,d.scripts.length].join()}}</script>"
            );
            let file = home.path().join("frame.html");
            std::fs::write(&file, page).unwrap();
            let profile = home.path().join("profile");
            let out = std::process::Command::new(browser)
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=5000"])
                .arg(format!("--user-data-dir={}", profile.display()))
                .arg(format!("file://{}", file.display()))
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&out.stdout);
            assert!(told.contains("told true,0,true,0"), "{width}: {told} {}", String::from_utf8_lossy(&out.stderr));
        }
    }

    /// Whether tags close in the order in which they open.
    fn balanced(text: &str) -> bool {
        const VOID: [&str; 3] = ["meta", "img", "!doctype"];
        let mut open: Vec<&str> = Vec::new();
        for tag in text.split('<').skip(1).filter_map(|t| t.split('>').next()) {
            let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or("");
            if let Some(closing) = tag.strip_prefix('/') {
                if open.pop() != Some(closing) {
                    return false;
                }
            } else if !tag.ends_with('/') && !VOID.contains(&name.to_lowercase().as_str()) {
                open.push(name);
            }
        }
        open.is_empty()
    }

    #[test]
    fn balance_is_seen() {
        assert!(balanced("<p>a<img x></p>") && !balanced("<p><b></p></b>") && !balanced("<p>"));
    }

    #[test]
    fn a_folder_without_a_run_and_a_name_that_is_no_page_are_refused() {
        let home = home();
        let fault = page(home.path(), &About::default(), &Paths::under(home.path()), &Quiet::default());
        assert!(fault.is_err());
        assert!(check_name(Path::new("a.pdf")).is_err() && check_name(Path::new("a.HTML")).is_ok());
    }
}
