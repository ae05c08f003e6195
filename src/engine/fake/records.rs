//! Records that the scripted engine tells: marks that are set, versions of a data set, pairs to choose between.

use std::collections::BTreeMap;

use super::{Script, made};
use crate::data::manifest::Diff;
use crate::engine::{
    Event, Item, PairsOf, Prompt, Ranked, Ranking, RecordsCommand, RecordsEvent, Version, VersionThumbs,
};
use crate::recipe::picture::Latent;

/// Two versions of a data set, the newest first.
fn versions(source: &str) -> Vec<Version> {
    let version = |hash: &str, parent: Option<&str>, tag: Option<&str>, made: i64| Version {
        source: source.into(),
        hash: hash.repeat(4),
        parent: parent.map(|p| p.repeat(4)),
        pictures: 240,
        made,
        tags: tag.into_iter().map(Into::into).collect(),
    };
    vec![
        version("89abcdef", Some("01234567"), None, 1_790_000_000),
        version("01234567", None, Some("clean"), 1_789_000_000),
    ]
}

fn told(event: RecordsEvent) -> Event {
    Event::Records(Box::new(event))
}

fn listed(source: &str) -> Event {
    let versions = versions(source);
    let head = Some((versions[0].hash.clone(), Some("main".to_owned())));
    let branches = vec![("main".to_owned(), versions[0].hash.clone())];
    told(RecordsEvent::Versions { source: source.into(), versions, head, branches })
}

fn pair(script: &Script, of: &PairsOf, passed: &[(i64, i64)]) -> Event {
    let fits = |item: &Item| match of {
        PairsOf::All => true,
        PairsOf::Model(model) => item.model == *model,
        PairsOf::Checkpoints(_) => item.recipe.as_ref().is_some_and(|r| r.made_by.starts_with("checkpoint")),
    };
    let items: Vec<i64> =
        script.items.iter().filter(|(item, trashed)| !trashed && fits(item)).map(|(item, _)| item.id).collect();
    let shown = |id: i64| (id, made::named_picture("pairs", &id.to_string(), 64u32));
    let pairs = items.iter().zip(items.iter().skip(1)).map(|(a, b)| (*a, *b));
    let pair = pairs.filter(|p| !passed.contains(p)).nth(script.choices.len() % items.len().max(1));
    let ranked = script.choices.iter().map(|(item, _)| Ranked { item: *item, strength: 1.0, won: 1, of: 1 }).collect();
    let choices = script.choices.len() as u64;
    let ranking = Ranking { pictures: ranked, choices, foreseen_of: choices, foreseen: choices, share: (0.5, 1.0) };
    told(RecordsEvent::Pair {
        pair: pair.map(|(a, b)| [shown(a), shown(b)]),
        ranking: Box::new(ranking),
        models: Vec::new(),
    })
}

/// The answers, in order.
pub(super) fn answer(script: &mut Script, command: RecordsCommand) -> Vec<Event> {
    match command {
        RecordsCommand::Marks { source } => {
            let marks = script.marks.get(&source).cloned().unwrap_or_default();
            vec![told(RecordsEvent::Marks { source, marks })]
        }
        RecordsCommand::SetMarks { source, marks, .. } => {
            let known = script.marks.entry(source.clone()).or_default();
            known.extend(marks);
            known.retain(|_, mark| !mark.is_empty());
            vec![told(RecordsEvent::Marks { marks: known.clone(), source })]
        }
        RecordsCommand::Versions { source } => vec![listed(&source)],
        RecordsCommand::NoteVersion { job, source, .. } => {
            vec![listed(&source), Event::JobEnded { job, problem: None }]
        }
        RecordsCommand::CompareVersions { job, source, earlier, later, .. } => {
            let names: Vec<String> = (0..6).map(|i| format!("cat/picture-{i:06}.png")).collect();
            let diff = Diff {
                added: names[..2].to_vec(),
                gone: names[2..3].to_vec(),
                relabelled: vec![(names[3].clone(), Some("cat".into()), Some("owl".into()))],
                recropped: names[4..5].to_vec(),
                excluded: names[5..].to_vec(),
                ..Diff::default()
            };
            let thumb = |name: &String| Some(made::named_picture(&source, name, 48u32));
            let other = |name: &String| Some(made::named_picture(&earlier, name, 48u32));
            let thumbs: BTreeMap<String, VersionThumbs> = names
                .iter()
                .enumerate()
                .map(|(i, name)| {
                    let before = if i < 2 { None } else { other(name) };
                    (name.clone(), VersionThumbs { before, after: if i == 2 { None } else { thumb(name) } })
                })
                .collect();
            let compared =
                RecordsEvent::Compared { source: source.clone(), earlier, later, diff: Box::new(diff), thumbs };
            vec![told(compared), Event::JobEnded { job, problem: None }]
        }
        RecordsCommand::RestoreVersion { job, source, .. } => {
            let restored = crate::library::versions::Restored { marks: 3, ..Default::default() };
            let restored = RecordsEvent::Restored { source: source.clone(), restored };
            vec![told(restored), listed(&source), Event::JobEnded { job, problem: None }]
        }
        RecordsCommand::Threads => {
            let prompt = |id: i64, after: Option<i64>, text: &str| Prompt {
                id,
                after,
                text: text.into(),
                model: String::new(),
                settings: serde_json::json!({ "temperature": 0.8 }),
                at: 1_790_000_000 + id,
                pictures: 4,
                rating: Some(3.5),
            };
            vec![told(RecordsEvent::Threads(vec![vec![
                prompt(40, None, "glasses"),
                prompt(41, Some(40), "red glasses"),
                prompt(42, Some(40), "blue glasses"),
            ]]))]
        }
        RecordsCommand::Taste { model } => {
            let seeds = |seeds: std::ops::Range<u64>| seeds.map(|seed| Latent::Seed { seed }).collect();
            vec![told(RecordsEvent::Taste { model, liked: seeds(1..4), disliked: seeds(4..6) })]
        }
        RecordsCommand::KeepDrawn { .. } => vec![Event::ItemsChanged],
        RecordsCommand::Pair { of, passed } => vec![pair(script, &of, &passed)],
        RecordsCommand::Choose { better, worse, of, passed } => {
            script.choices.push((better, worse));
            vec![pair(script, &of, &passed)]
        }
    }
}
