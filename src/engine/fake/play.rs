//! What the scripted engine answers to each command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::found::search;
use super::{Changed, Script, made};
use crate::base::rng::Stream;
use crate::base::{Family, Picture, Problem};
use crate::engine::{
    CheckpointInfo, Command, Control, Evaluation, Event, ExportOptions, Inspected, ItemFilter, ItemSort, JobId,
    ModelInfo, PastChange, RunState, RunSummary, Suspect,
};
use crate::models::info::PriorInfo;
use crate::recipe::picture::Latent;
use crate::recipe::{Edit, Reading, Recipe};
use crate::train::fork;
use crate::train::report::Origin;

/// The answers, in order.
#[allow(clippy::too_many_lines)] // one arm a command: a table, read as one
pub(super) fn answer(script: &mut Script, command: Command) -> Vec<Event> {
    match command {
        Command::Survey { job, source, reading } => survey(script, job, source, reading),
        Command::SourceThumbs { source, names, size } => {
            let picture = |name: &String| (name.clone(), made::named_picture(&source, name, size));
            let thumbs = names.iter().map(picture).collect();
            vec![Event::SourceThumbs { source, thumbs }]
        }
        Command::PreviewPreparation { ticket, data, name, objective } => {
            let after = made::named_picture(&data.source, &name, data.resolution);
            let mut stream = Stream::new(7, "preview");
            let augmented =
                (0..6).map(|_| crate::data::augment::as_trained(&after, &data, &objective, &mut stream)).collect();
            vec![Event::PreparationPreview {
                ticket,
                before: made::named_picture(&data.source, &name, 96),
                name,
                after,
                augmented,
            }]
        }
        Command::Prepare { job, data } => {
            let pictures = u64::from(script.pictures);
            let bytes = pictures * data.resolution.pixels() as u64 * data.channels.count() as u64;
            job_of(job, "Preparing pictures", pictures, vec![Event::DataReady { job, pictures, bytes }])
        }
        Command::TeachWords { job, .. } => {
            let told = Problem::usage("The studio knows your words now").because("9 of 10").info();
            job_of(job, "Learning words", 6, vec![Event::Message(told)])
        }
        Command::ListData => vec![Event::DataSets(script.data_sets.clone())],
        Command::ForgetData { source } => {
            script.data_sets.retain(|d| d.source != source);
            vec![Event::DataSets(script.data_sets.clone())]
        }
        Command::RestoreData { set } => {
            script.data_sets.push(set);
            script.data_sets.sort_by_key(|d| std::cmp::Reverse(d.used));
            vec![Event::DataSets(script.data_sets.clone())]
        }
        Command::FreeSpace => vec![Event::Space(script.space)],
        Command::Storage => vec![Event::Storage(made::storage())],
        Command::CleanStorage { parts } => {
            let mut left = made::storage();
            for kept in left.iter_mut().filter(|k| parts.iter().any(|p| p == k.id)) {
                (kept.bytes, kept.files) = (0, 0);
            }
            vec![Event::Storage(left)]
        }

        Command::Outline { recipe } => match crate::models::outline::outline(&recipe) {
            Ok(outline) => vec![Event::Outlined { recipe, outline }],
            Err(problem) => vec![Event::Message(problem)],
        },
        Command::StartRun { recipe, .. } => {
            let name = if recipe.name.is_empty() { "run".into() } else { recipe.name.clone() };
            let mut dir = Path::new("/runs").join(&name);
            for n in 2.. {
                if script.runs.iter().all(|r| r.dir != dir) {
                    break;
                }
                dir = Path::new("/runs").join(format!("{name}-{n}"));
            }
            let busy = script.runs.iter().any(|r| r.state.is_alive());
            let state = if busy { RunState::Queued } else { RunState::Training };
            let run = made::run(dir, *recipe, state, 0);
            script.runs.insert(0, run.clone());
            vec![Event::Run(Box::new(run)), Event::Runs(script.runs.clone())]
        }
        Command::ResumeRun { dir, kimg, .. } => change(script, &dir, |run| {
            if let Some(kimg) = kimg {
                run.recipe.run.kimg = kimg;
                run.progress.target = (run.recipe.run.kimg * 1000.0) as u64;
            }
            run.state = RunState::Training;
            run.problem = None;
        }),
        Command::ForkRun { dir, images, changes } => {
            let Some(from) = script.runs.iter().find(|r| r.dir == dir).cloned() else { return missing(&dir) };
            let at = images.unwrap_or(from.progress.images);
            let name = fork::title(&from.name, at, &changes);
            let recipe = Recipe { name: name.clone(), ..from.recipe };
            let mut run = made::run(Path::new("/runs").join(name), recipe, RunState::Stopped, at);
            run.origin = Some(Origin { run: dir, id: None, images: at, state: None, changes: Vec::new() });
            script.runs.insert(0, run.clone());
            vec![Event::Run(Box::new(run)), Event::Runs(script.runs.clone())]
        }
        Command::ControlRun { dir, control } => self::control(script, dir, control),
        Command::Unqueue { dir } => {
            script.runs.retain(|r| r.dir != dir || r.state != RunState::Queued);
            vec![Event::Runs(script.runs.clone())]
        }
        Command::HoldQueue(_) | Command::KeepAwake(_) | Command::UseNetworks(_) | Command::ExploreOn { .. } => {
            Vec::new()
        }
        Command::LoadRun { dir } => {
            let Some(run) = script.runs.iter().find(|r| r.dir == dir) else { return missing(&dir) };
            let images = run.progress.images;
            let readings = Arc::new(made::curves(run.recipe.family().unwrap_or(Family::Gan), images, run.recipe.seed));
            vec![Event::RunLoaded {
                dir,
                readings,
                edits: Vec::new(),
                previews: made::previews(images),
                findings: Vec::new(),
            }]
        }
        Command::LoadPreview { dir, images } => {
            let Some(run) = script.runs.iter().find(|r| r.dir == dir) else { return missing(&dir) };
            let preview = Arc::new(made::preview(run.recipe.family().unwrap_or(Family::Gan), images));
            vec![Event::RunPreview { dir, preview, live: false }]
        }
        Command::ListRuns => vec![Event::Runs(script.runs.clone())],
        Command::TrashRun { dir } => {
            script.runs.retain(|r| r.dir != dir);
            vec![Event::Runs(script.runs.clone())]
        }
        Command::RenameRun { dir, name } => {
            script.runs.iter_mut().filter(|r| r.dir == dir).for_each(|r| r.name.clone_from(&name));
            vec![Event::Runs(script.runs.clone())]
        }

        Command::ListModels => {
            vec![Event::Models(script.models.clone()), Event::Networks(crate::models::shipped::cards())]
        }
        Command::OpenModel { model } => with_model(script, &model, |info| {
            vec![Event::ModelOpened { model: model.clone(), info: Box::new(info.clone()) }]
        }),
        Command::ContactSheet { model } => with_model(script, &model, |info| {
            let cells: Vec<_> = (0..24).map(|seed| made::picture_of(info, &Latent::Seed { seed }, 1.0)).collect();
            let sheet = Picture::grid(&cells, 6, 2, [0, 0, 0, 0]);
            vec![Event::ContactSheet { model: model.clone(), sheet }]
        }),
        Command::ImportModel { path } => {
            let mut info = made::models().swap_remove(0);
            info.name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            info.model = path.display().to_string();
            info.shipped = false;
            info.card = None;
            script.models.push(info);
            vec![Event::Models(script.models.clone())]
        }
        Command::TrashModel { model } => {
            script.models.retain(|m| m.model != model || m.shipped);
            vec![Event::Models(script.models.clone())]
        }
        Command::ExportModel { job, out, .. } => {
            job_of(job, "Writing weights", 1, vec![Event::Exported { job, files: vec![out] }])
        }

        Command::FitPrior { job, model, kind, .. } => {
            let Some(info) = script.models.iter_mut().find(|m| m.model == model) else {
                return missing(Path::new(&model));
            };
            if info.family != Family::Vae {
                let problem = Problem::usage("A GAN has no encoder, so no prior can be fitted to its codes");
                return vec![Event::JobEnded { job, problem: Some(problem.try_this("Choose a VAE")) }];
            }
            info.prior = Some(PriorInfo { kind: kind.id().into(), ..made::prior() });
            let info = Box::new(info.clone());
            let told = vec![Event::Models(script.models.clone()), Event::ModelOpened { model, info }];
            job_of(job, "Fitting the prior", 28, told)
        }
        Command::RemovePrior { model } => prior(script, model, |info| info.prior = None),
        Command::UsePrior { model, on } => prior(script, model, |info| info.prior.iter_mut().for_each(|p| p.on = on)),
        Command::ComparePrior { model, seeds, truncation } => with_model(script, &model, |info| {
            let made = |scale: f32| {
                let latents = seeds.iter().map(|&seed| Latent::Seed { seed });
                latents.map(|l| made::picture_of(info, &l, truncation * scale)).collect::<Vec<_>>()
            };
            let (normal, fitted) = (made(1.0), made(0.6));
            vec![Event::PriorCompared { model: model.clone(), seeds: seeds.clone(), normal, fitted }]
        }),
        Command::Evaluate { job, model, data, metrics, count } => {
            let Some(info) = script.models.iter().find(|m| m.model == model).cloned() else {
                let problem = Problem::data("This is not here").of(model);
                return vec![Event::JobEnded { job, problem: Some(problem) }];
            };
            for score in made::scores(&metrics, count) {
                script.scores.retain(|(m, s)| *m != model || s.name != score.name);
                script.scores.push((model.clone(), score));
            }
            let suspects = if metrics.iter().any(|m| m == "memory") { made::suspects(&info) } else { Vec::new() };
            let told = evaluated(script, Some(job), &info, data, suspects);
            job_of(job, "Making samples", u64::from(count), vec![told])
        }
        Command::KnownScores { model } => {
            with_model(script, &model, |info| vec![evaluated(script, None, info, None, Vec::new())])
        }

        Command::Generate(r) => with_model(script, &r.model.clone(), |info| {
            let pictures = r.latents.iter().map(|l| made::picture_of(info, l, r.truncation)).collect();
            let model = r.model.clone();
            vec![Event::Generated { slot: r.slot, ticket: r.ticket, model, pictures, seconds: 0.01 }]
        }),
        Command::Encode { slot, model, path } => with_model(script, &model, |info| {
            if info.family != Family::Vae {
                return vec![Event::Message(
                    Problem::usage("Only a VAE can encode pictures").of(&info.name).try_this("Choose a VAE"),
                )];
            }
            let name = path.display().to_string();
            let values = Stream::new(1, &name).normals(info.latent as usize);
            let latent = Latent::Point { values };
            vec![Event::Encoded {
                slot,
                model: model.clone(),
                input: made::source_picture(&name, 0, info.resolution),
                reconstruction: made::picture_of(info, &latent, 1.0),
                deviation: vec![0.4; info.latent as usize],
                neighbours: (0..6).map(|i| (made::source_picture(&name, i, info.resolution), i as f32 + 0.5)).collect(),
                latent,
                path: path.clone(),
            }]
        }),
        Command::Likeness { item, look } => vec![super::made::likeness(&item, look)],
        Command::Export { job, latents, options, .. } => {
            let files = out_files(&options, latents.len());
            job_of(job, "Exporting", latents.len() as u64, vec![Event::Exported { job, files }])
        }
        Command::Keep { job, model, latents, starred, made_by, .. } => {
            let count = latents.len() as u64;
            // Checkpoints of runs are none of its models.
            let run = model.rsplit_once('@').and_then(|_| script.models.first());
            let Some(info) = script.models.iter().find(|m| m.model == model).or(run).cloned() else {
                return missing(Path::new(&model));
            };
            let before = script.items.clone();
            let name = format!("Keep {} pictures", latents.len());
            for latent in latents {
                let id = script.items.iter().map(|(i, _)| i.id).max().unwrap_or(0) + 1;
                let mut item = made::item(id, &info, latent);
                (item.rating, item.starred, item.tags) = (0, starred, Vec::new());
                if let Some(recipe) = &mut item.recipe {
                    recipe.made_by.clone_from(&made_by);
                }
                script.items.insert(0, (item, false));
            }
            let told = changed(script, before, name);
            job.map_or_else(|| told.clone(), |job| job_of(job, "Keeping pictures", count, told.clone()))
        }

        Command::ListItems { filter } => {
            let items = Arc::new(filtered(script, &filter));
            vec![Event::Items { filter, items }]
        }
        Command::Search { ticket, request } => search(script, ticket, &request),
        Command::ImportPictures { job, .. } => job_of(job, "Importing pictures", 40, vec![Event::ItemsChanged]),
        Command::ListFacets => vec![Event::Facets(script.facets.clone())],
        Command::SaveSearch { name, request } => {
            script.facets.searches.retain(|s| s.0 != name);
            script.facets.searches.push((name, serde_json::to_string(&*request).unwrap_or_default()));
            vec![Event::Facets(script.facets.clone())]
        }
        Command::ForgetSearch { name } => {
            script.facets.searches.retain(|s| s.0 != name);
            vec![Event::Facets(script.facets.clone())]
        }
        Command::ItemThumbs { ids } => {
            let thumbs = ids.iter().filter_map(|id| item_picture(script, *id).map(|p| (*id, p))).collect();
            vec![Event::ItemThumbs(thumbs)]
        }
        Command::ItemDetail { id } => match (script.items.iter().find(|(i, _)| i.id == id), item_picture(script, id)) {
            (Some((item, _)), Some(picture)) => {
                vec![Event::ItemDetail { item: Box::new(item.clone()), picture }]
            }
            _ => missing(Path::new("picture")),
        },
        Command::Graph { thing } => vec![Event::Graph(Box::new(super::origin::graph(&thing)))],
        Command::Usage if script.items.is_empty() => vec![Event::Usage(Box::default())],
        Command::Usage => vec![Event::Usage(Box::new(super::usage::usage()))],
        Command::Records(command) => super::records::answer(script, command),
        Command::RateItems { ids, rating } => each_item(script, "Rate", &ids, |i| i.0.rating = rating),
        Command::StarItems { ids, starred } => each_item(script, "Star", &ids, |i| i.0.starred = starred),
        Command::TagItems { ids, tag, add } => each_item(script, "Tag", &ids, |i| {
            i.0.tags.retain(|t| *t != tag);
            if add {
                i.0.tags.push(tag.clone());
            }
        }),
        Command::TrashItems { ids, trashed } => each_item(script, "Move to the trash", &ids, |i| i.1 = trashed),
        Command::UndoChange { change } => go(script, change, true),
        Command::RedoChange { change } => go(script, change, false),
        Command::ListChanges => {
            vec![Event::Changes(script.changes.iter().rev().map(|c| c.told.clone()).collect())]
        }
        Command::EmptyTrash => {
            script.items.retain(|(_, trashed)| !trashed);
            vec![Event::ItemsChanged]
        }
        Command::ExportItems { job, ids, options } => {
            let files = out_files(&options, ids.len());
            job_of(job, "Exporting", ids.len() as u64, vec![Event::Exported { job, files }])
        }

        Command::Latent(command) => super::latent::answer(script, command),
        Command::Inspect { path } => vec![Event::Inspected(inspect(script, path))],
        Command::ProbeDevices { .. } => vec![Event::Devices(script.devices.clone())],
        Command::Cancel { job } => {
            vec![Event::JobEnded { job, problem: Some(Problem::interrupted("Cancelled").info()) }]
        }
    }
}

fn evaluated(
    script: &Script,
    job: Option<JobId>,
    info: &ModelInfo,
    data: Option<String>,
    suspects: Vec<Suspect>,
) -> Event {
    let scores = script.scores.iter().filter(|(m, _)| *m == info.model).map(|(_, s)| s.clone()).collect();
    let evaluation = Evaluation {
        source: data.unwrap_or_else(|| info.recipe.data.source.clone()),
        scores,
        left_out: Vec::new(),
        suspects: Arc::new(suspects),
    };
    Event::Evaluated { job, model: info.model.clone(), evaluation: Box::new(evaluation) }
}

pub(super) fn job_of(job: JobId, title: &str, total: u64, result: Vec<Event>) -> Vec<Event> {
    let title = title.to_string();
    let mut events =
        vec![Event::Job { job, title: title.clone(), done: 0, total }, Event::Job { job, title, done: total, total }];
    events.extend(result);
    events.push(Event::JobEnded { job, problem: None });
    events
}

/// A source whose name has `missing` in it is not there; one with `empty` has no pictures.
fn survey(script: &mut Script, job: JobId, source: String, reading: Reading) -> Vec<Event> {
    if source.contains("missing") {
        let problem = Problem::data("There is nothing at this place").of(source).try_this("Check the path");
        return vec![Event::JobEnded { job, problem: Some(problem) }];
    }
    let pictures = if source.contains("empty") { 0 } else { script.pictures };
    let survey = Arc::new(crate::data::report::Survey { reading, ..made::survey(&source, pictures) });
    script.data_sets.retain(|d| d.source != source);
    let info = crate::engine::DataSetInfo { source, pictures: u64::from(pictures), used: made::NOW };
    script.data_sets.insert(0, info);
    job_of(job, "Looking through the pictures", u64::from(pictures), vec![Event::Surveyed { job, survey }])
}

fn control(script: &mut Script, dir: PathBuf, control: Control) -> Vec<Event> {
    if let Control::Edit { key, value } = control {
        let Some(run) = script.runs.iter().find(|r| r.dir == dir) else { return missing(&dir) };
        let edit = Edit { step: run.progress.step + 1, images: run.progress.images, key, value };
        let mut events = change(script, &dir, |run| {
            let _ = crate::recipe::json_path::set(&mut run.recipe, &edit.key, edit.value.clone());
        });
        events.insert(0, Event::RunEdited { dir, edit });
        return events;
    }
    change(script, &dir, |run| match control {
        Control::Pause => run.state = RunState::Paused,
        Control::Resume => run.state = RunState::Training,
        Control::Step => {
            run.progress.step += 1;
            run.progress.images += u64::from(run.recipe.optim.batch);
            run.state = RunState::Paused;
        }
        Control::Stop => run.state = RunState::Stopped,
        Control::Checkpoint => {
            let images = run.progress.images;
            let path = run.dir.join("checkpoints").join(images.to_string());
            run.checkpoints.push(CheckpointInfo { images, path, best: false, score: None });
        }
        Control::Edit { .. } => {}
    })
}

fn change(script: &mut Script, dir: &Path, change: impl FnOnce(&mut RunSummary)) -> Vec<Event> {
    let Some(run) = script.runs.iter_mut().find(|r| r.dir == dir) else { return missing(dir) };
    change(run);
    vec![Event::Run(Box::new(run.clone()))]
}

fn missing(what: &Path) -> Vec<Event> {
    vec![Event::Message(Problem::data("This is not here").of(what.display().to_string()))]
}

fn with_model(script: &Script, model: &str, then: impl FnOnce(&ModelInfo) -> Vec<Event>) -> Vec<Event> {
    match script.models.iter().find(|m| m.model == model || m.name == model) {
        Some(info) => then(info),
        None => missing(Path::new(model)),
    }
}

fn prior(script: &mut Script, model: String, change: impl FnOnce(&mut ModelInfo)) -> Vec<Event> {
    let Some(info) = script.models.iter_mut().find(|m| m.model == model) else { return missing(Path::new(&model)) };
    change(info);
    let info = Box::new(info.clone());
    vec![Event::Models(script.models.clone()), Event::ModelOpened { model, info }]
}

fn item_picture(script: &Script, id: i64) -> Option<Picture> {
    let (item, _) = script.items.iter().find(|(i, _)| i.id == id)?;
    let recipe = item.recipe.as_ref()?;
    let info = script.models.iter().find(|m| m.name == recipe.model)?;
    Some(made::picture_of(info, &recipe.latent, recipe.truncation))
}

fn each_item(
    script: &mut Script,
    verb: &str,
    ids: &[i64],
    change: impl Fn(&mut (crate::engine::Item, bool)),
) -> Vec<Event> {
    let before = script.items.clone();
    script.items.iter_mut().filter(|(i, _)| ids.contains(&i.id)).for_each(change);
    let what = if ids.len() == 1 { "a picture".to_owned() } else { format!("{} pictures", ids.len()) };
    changed(script, before, format!("{verb} {what}"))
}

fn changed(script: &mut Script, before: Vec<(crate::engine::Item, bool)>, name: String) -> Vec<Event> {
    let told = PastChange { id: script.changes.len() as i64 + 1, name: name.clone(), at: made::NOW, undone: false };
    let change = told.id;
    script.changes.push(Changed { told, before, after: script.items.clone() });
    vec![Event::Changed { change, name }, Event::ItemsChanged]
}

fn go(script: &mut Script, change: i64, back: bool) -> Vec<Event> {
    if let Some(found) = script.changes.iter_mut().find(|c| c.told.id == change) {
        found.told.undone = back;
        script.items = if back { found.before.clone() } else { found.after.clone() };
    }
    vec![Event::ItemsChanged]
}

fn filtered(script: &Script, filter: &ItemFilter) -> Vec<crate::engine::Item> {
    let text = filter.text.to_lowercase();
    let mut items: Vec<_> = script
        .items
        .iter()
        .filter(|(i, trashed)| {
            *trashed == filter.trashed
                && i.rating >= filter.min_rating
                && (!filter.starred || i.starred)
                && filter
                    .family
                    .is_none_or(|id| script.items.iter().any(|(other, _)| other.id == id && other.model == i.model))
                && filter.model.as_ref().is_none_or(|m| *m == i.model)
                && filter.tag.as_ref().is_none_or(|t| i.tags.contains(t))
                && (text.is_empty() || i.model.contains(&text) || i.tags.iter().any(|t| t.contains(&text)))
        })
        .map(|(i, _)| i.clone())
        .collect();
    match filter.sort {
        ItemSort::Newest => items.sort_by_key(|i| -i.created),
        ItemSort::Oldest => items.sort_by_key(|i| i.created),
        ItemSort::Rating => items.sort_by_key(|i| (u8::MAX - i.rating, -i.created)),
        ItemSort::Model => items.sort_by_key(|i| (i.model.clone(), -i.created)),
    }
    if let Some(id) = filter.alike {
        items.sort_by_key(|i| (i.id != id, i.id.abs_diff(id)));
        items.truncate(12);
    }
    items
}

fn out_files(options: &ExportOptions, count: usize) -> Vec<PathBuf> {
    match options.format.as_str() {
        "png" => (0..count).map(|i| options.out.join(format!("{i}.png"))).collect(),
        _ => vec![options.out.clone()],
    }
}

/// By name alone: `generated…png` has a recipe, `run…` is a run, weights are models, pictures are pictures.
fn inspect(script: &Script, path: PathBuf) -> Inspected {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if script.runs.iter().any(|r| r.dir == path) {
        return Inspected::Run { dir: path };
    }
    let picture = [".png", ".jpg", ".jpeg", ".webp", ".gif"].iter().any(|e| name.ends_with(e));
    match script.models.first() {
        Some(info) if picture && name.starts_with("generated") => Inspected::Generated {
            recipe: Box::new(made::picture_recipe(info, Latent::Seed { seed: 7 }, 1.0, "sample")),
            model: Some(info.model.clone()),
            path,
        },
        _ if picture => Inspected::Picture { path },
        _ if name.ends_with(".safetensors") => Inspected::Model { model: path.display().to_string() },
        _ => Inspected::Source { source: path.display().to_string(), folder: !name.ends_with(".zip") },
    }
}
