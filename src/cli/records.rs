//! `latent-studio library show|graph|verify|tag|rate|threads`: what came from what, and who judged it how.

use clap::Args;
use serde_json::json;

use super::{print_json, print_line};
use crate::base::{Problem, Result};
use crate::library::Library;
use crate::library::choices::Choice;
use crate::library::records::graph::{Graph, Node};

/// Arguments of `library show`.
#[derive(Args)]
pub struct Show {
    /// The number of a kept picture, a run's folder, a model's hash, or # and the number of a record
    id: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `library graph`.
#[derive(Args)]
pub struct GraphOf {
    /// The number of a kept picture, a run's folder, a model's hash, or # and the number of a record
    id: String,
    /// Steps that are walked each way
    #[arg(long, value_name = "STEPS", default_value_t = 20)]
    depth: u32,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Arguments of `library verify` and `library threads`.
#[derive(Args)]
pub struct Plain {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `library tag`.
#[derive(Args)]
pub struct Tag {
    /// Numbers of kept pictures
    #[arg(required = true)]
    ids: Vec<i64>,
    /// Tag to add (repeatable)
    #[arg(long)]
    add: Vec<String>,
    /// Tag to remove (repeatable)
    #[arg(long)]
    remove: Vec<String>,
    /// One JSON object a picture
    #[arg(long)]
    json: bool,
}

/// Arguments of `library rate`.
#[derive(Args)]
pub struct Rate {
    /// Numbers of kept pictures
    #[arg(required = true)]
    ids: Vec<i64>,
    /// Stars, 0 to 5
    #[arg(long, value_name = "N")]
    stars: u8,
    /// One JSON object a picture
    #[arg(long)]
    json: bool,
}

/// Arguments of `library choose`.
#[derive(Args)]
pub struct Choose {
    /// Number of the better picture
    better: i64,
    /// Number of the other
    worse: i64,
    /// The ranking as JSON
    #[arg(long)]
    json: bool,
}

fn unknown(id: &str) -> Problem {
    Problem::usage("There is no kept picture of this number").of(id).try_this("`latent-studio library list`")
}

/// Makes sure, before anything is changed, that all of these pictures are there.
fn known(library: &Library, ids: &[i64]) -> Result<()> {
    for id in ids {
        library.item(*id)?.ok_or_else(|| unknown(&id.to_string()))?;
    }
    Ok(())
}

fn tell(library: &Library, ids: &[i64], json: bool) -> Result<()> {
    for id in ids {
        let item = library.item(*id)?.ok_or_else(|| unknown(&id.to_string()))?;
        if json {
            print_json(&item)?;
        } else {
            print_line(&format!("{:>6} {}★ {}", item.id, item.rating, item.tags.join(", ")))?;
        }
    }
    Ok(())
}

impl Show {
    /// Shows a kept picture, or what is known of another thing.
    pub fn run(self, library: &Library) -> Result<()> {
        if let Ok(number) = self.id.parse::<i64>() {
            let item = library.item(number)?.ok_or_else(|| unknown(&self.id))?;
            if self.json {
                return print_json(&item);
            }
            return pretty(&item);
        }
        let id = library.find_thing(&self.id)?;
        let graph = library.graph(id, 1)?;
        let thing = graph.nodes.iter().find(|n| n.id == id);
        let told = json!({ "thing": thing, "said": library.said(id)?, "graph": graph });
        if self.json { print_json(&told) } else { pretty(&json!({ "thing": told["thing"], "said": told["said"] })) }
    }
}

fn pretty<T: serde::Serialize>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Problem::failed("This cannot be told").because(e))?;
    print_line(&text)
}

impl GraphOf {
    /// Shows what a thing comes from and what came from it.
    pub fn run(self, library: &Library) -> Result<()> {
        let graph = library.graph(library.find_thing(&self.id)?, self.depth)?;
        if self.json {
            return print_json(&graph);
        }
        for node in &graph.nodes {
            print_line(&line(&graph, node))?;
        }
        if graph.left_out > 0 {
            print_line(&format!("{} more are left out", graph.left_out))?;
        }
        Ok(())
    }
}

/// A thing with where it comes from, indented by how far it is from the earliest one.
fn line(graph: &Graph, node: &Node) -> String {
    let first = graph.nodes.first().map_or(0, |n| n.depth);
    let indent = "  ".repeat(node.depth.abs_diff(first) as usize);
    let from: Vec<String> = graph
        .edges
        .iter()
        .filter(|e| e.child == node.id)
        .filter_map(|e| Some((e, graph.nodes.iter().find(|n| n.id == e.parent)?)))
        .map(|(e, parent)| format!("{} {}", e.relation, parent.title))
        .collect();
    let from = if from.is_empty() { String::new() } else { format!("  ({})", from.join("; ")) };
    let mark = if node.id == graph.root { "*" } else { " " };
    format!("{mark}{indent}{:10} {}{from}  #{}", node.kind, node.title, node.id)
}

/// Reads the chain of records through.
///
/// # Errors
/// Something is not as it was written, or the library cannot be read.
pub fn verify(task: &Plain, library: &Library) -> Result<()> {
    let verdict = library.verify()?;
    if task.json {
        print_json(&verdict)?;
    } else {
        for fault in &verdict.faults {
            let record = fault.record.map_or_else(String::new, |id| format!("#{id} "));
            print_line(&format!("{record}{}: {}", fault.thing, fault.what))?;
        }
        print_line(&format!(
            "{} records, {} edges, recipes of {} pictures: {}",
            verdict.records,
            verdict.edges,
            verdict.pictures,
            if verdict.faults.is_empty() { "all as they were written" } else { "not all as they were written" }
        ))?;
    }
    match verdict.faults.first() {
        None => Ok(()),
        Some(first) => Err(Problem::data("The library is not as it was written")
            .of(library.path().display().to_string())
            .because(format!("{} {}", first.thing, first.what))
            .try_this("Compare it with a copy in the folder `backups` beside it")),
    }
}

/// Shows prompts, one thread after the other.
///
/// # Errors
/// The library cannot be read.
pub fn threads(task: &Plain, library: &Library) -> Result<()> {
    let threads = library.threads()?;
    if task.json {
        return print_json(&threads);
    }
    if threads.is_empty() {
        return print_line("Nothing was asked yet");
    }
    for thread in &threads {
        for (i, prompt) in thread.iter().enumerate() {
            let rating = prompt.rating.map_or_else(String::new, |r| format!(", {r:.1} stars"));
            let indent = if i == 0 { "" } else { "  " };
            print_line(&format!("{indent}#{} {}  ({} pictures{rating})", prompt.id, prompt.text, prompt.pictures))?;
        }
    }
    Ok(())
}

/// Shows what was made, kept and exported.
///
/// # Errors
/// The library cannot be read.
pub fn usage(task: &Plain, library: &Library) -> Result<()> {
    let usage = library.usage()?;
    if task.json {
        return print_json(&usage);
    }
    for m in &usage.weeks {
        let week = jiff::Timestamp::from_second(m.week).map(|t| t.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        let rating = m.rating.map_or_else(String::new, |r| format!(", {r:.1} stars"));
        print_line(&format!(
            "{week}  {:24} {:>6} made {:>6} kept {:>6} liked {:>6} exported{rating}",
            m.model, m.made, m.kept, m.liked, m.exported
        ))?;
    }
    for s in &usage.settings {
        let share = format!("{:.0} to {:.0} %", s.share.0 * 100.0, s.share.1 * 100.0);
        print_line(&format!("{:12} {:24} {:>6} of {:>6} liked ({share})", s.name, s.value, s.liked, s.pictures))?;
    }
    Ok(())
}

/// Shows the ranking that choices make.
///
/// # Errors
/// The library cannot be read.
pub fn rank(task: &Plain, library: &Library) -> Result<()> {
    let ranking = library.ranking()?;
    if task.json {
        return print_json(&ranking);
    }
    for (place, p) in ranking.pictures.iter().enumerate() {
        let (won, of) = (p.won, p.of);
        print_line(&format!("{:>5}  picture {:>6}  {:+.2}  won {won} of {of}", place + 1, p.item, p.strength))?;
    }
    print_line(&format!(
        "{} choices; of {} held-out ones {} were foreseen ({:.0} to {:.0} %, chance is 50 %)",
        ranking.choices,
        ranking.foreseen_of,
        ranking.foreseen,
        ranking.share.0 * 100.0,
        ranking.share.1 * 100.0
    ))
}

impl Choose {
    /// Notes the choice.
    pub fn run(self, library: &Library) -> Result<()> {
        library.choose(Choice { better: self.better, worse: self.worse })?;
        if self.json { print_json(&library.ranking()?) } else { Ok(()) }
    }
}

impl Tag {
    /// Adds tags to pictures and removes others.
    pub fn run(self, library: &Library) -> Result<()> {
        if self.add.is_empty() && self.remove.is_empty() {
            return Err(Problem::usage("No tag was given").try_this("Give --add TAG or --remove TAG"));
        }
        known(library, &self.ids)?;
        self.add.iter().try_for_each(|tag| library.tag(&self.ids, tag, true))?;
        self.remove.iter().try_for_each(|tag| library.tag(&self.ids, tag, false))?;
        tell(library, &self.ids, self.json)
    }
}

impl Rate {
    /// Rates pictures.
    pub fn run(self, library: &Library) -> Result<()> {
        known(library, &self.ids)?;
        library.rate(&self.ids, self.stars)?;
        tell(library, &self.ids, self.json)
    }
}
