//! What the scripted engine answers about latent space: made, instant, always the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::play::job_of;
use super::{Script, made};
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Resolution};
use crate::engine::latent::Ranked;
use crate::engine::{Event, LatentCommand, LatentEvent, LineageNode, ModelInfo};
use crate::latent::activations::codes::{Anomaly, CodePoint, NumberUse, prior_histogram};
use crate::latent::activations::{ChannelLook, Inside};
use crate::latent::atlas::gather::{self, Atlas, Point, Whose};
use crate::latent::atlas::holes::Hole;
use crate::latent::atlas::outline;
use crate::latent::directions::search::Find;
use crate::latent::directions::{Direction, Entanglement, Method};
use crate::latent::drag::DragState;
use crate::latent::encoder::EncoderInfo;
use crate::latent::invert::{Found, Step};
use crate::latent::latent_edit::{Mended, Painted};
use crate::latent::latent_math::Dims;
use crate::recipe::picture::{Latent, Place, Space};

/// What is pretended of latent space.
#[derive(Clone, Debug, Default)]
pub struct Latents {
    /// Directions by model.
    pub directions: BTreeMap<String, Vec<Direction>>,
    /// Models with an encoder.
    pub encoders: BTreeSet<String>,
    /// Parents of kept pictures.
    pub parents: BTreeMap<i64, Vec<i64>>,
    /// Models whose pictures are not on this computer.
    pub without_data: BTreeSet<String>,
    /// The newest atlas by model.
    pub atlases: BTreeMap<String, Arc<Atlas>>,
}

/// A made direction.
pub fn direction(name: &str, info: &ModelInfo) -> Direction {
    let mut values = Stream::new(1, name).normals(info.latent as usize);
    let size = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v /= size);
    let score = Some(0.5 + 0.5 / (name.len() as f64));
    Direction { name: name.into(), method: Method::Principal, values, score, samples: 500, ..Direction::default() }
}

/// The answers, in order.
pub(super) fn answer(script: &mut Script, command: LatentCommand) -> Vec<Event> {
    let tell = |event: LatentEvent| vec![Event::Latent(event)];
    let info_of = |script: &Script, model: &str| script.models.iter().find(|m| m.model == model).cloned();
    let missing = |model: &str| vec![Event::Message(Problem::data("There is no such model").of(model))];
    match command {
        LatentCommand::ToStyles { ticket, model, latents, each_layer } => {
            let Some(info) = info_of(script, &model) else { return missing(&model) };
            let latents = latents.iter().map(|l| style(&info, l, each_layer)).collect();
            tell(LatentEvent::Latents { ticket, model, latents })
        }
        LatentCommand::MixStyles { ticket, model, base, from, layers } => {
            let Some(info) = info_of(script, &model) else { return missing(&model) };
            let (mut a, b) = (style(&info, &base, true).place(), style(&info, &from, true).place());
            let w = info.latent as usize;
            for (i, (x, y)) in a.values.iter_mut().zip(b.values).enumerate() {
                if (layers[0]..layers[1]).contains(&((i / w) as u32)) {
                    *x = y;
                }
            }
            tell(LatentEvent::Latents { ticket, model, latents: vec![Latent::of(a)] })
        }
        LatentCommand::DrawTokens { session, model, request, .. } => super::tokens::drawn(session, &model, &request),
        LatentCommand::FindReal { job, model, ask } => {
            let told = super::tokens::found(job, &model, &ask);
            job_of(job, "Looking at the real pictures", 4, told)
        }
        LatentCommand::DrawNearReal { ticket, model, strength, seeds } => {
            let Some(info) = info_of(script, &model) else { return missing(&model) };
            let near = |seed: &u64| {
                let mut values = Latent::Seed { seed: *seed }.values(info.latent as usize);
                values.iter_mut().for_each(|v| *v *= 1.0 - strength);
                Latent::Point { values }
            };
            let from = (0..seeds.len()).map(|i| i % 2).collect();
            tell(LatentEvent::NearReal { ticket, model, latents: seeds.iter().map(near).collect(), from })
        }
        LatentCommand::FindNearest { ticket, model, pictures } => {
            tell(LatentEvent::NearestReal { ticket, model, nearest: super::tokens::nearest(&pictures) })
        }
        LatentCommand::Move { ticket, model, latents, moves } => {
            let Some(info) = info_of(script, &model) else { return missing(&model) };
            let dims = Dims::of(&info);
            let styled = moves.iter().any(|m| m.direction.space == Space::W);
            let start = |l: &Latent| if styled { style(&info, l, false) } else { l.clone() };
            let along = |l: &Latent| dims.moved(&start(l), moves.iter().map(|m| (&m.direction, m.strength)));
            match latents.iter().map(along).collect::<crate::base::Result<Vec<_>>>() {
                Ok(latents) => tell(LatentEvent::Latents { ticket, model, latents }),
                Err(problem) => vec![Event::Message(problem)],
            }
        }

        LatentCommand::LayOut { ticket, model, mut wish, .. } => {
            let Some(info) = info_of(script, &model) else { return missing(&model) };
            let own = wish.anchors.clone();
            if wish.styles || own.iter().any(|a| a.place().space == Space::W) {
                wish.anchors = own.iter().map(|a| style(&info, a, false)).collect();
            }
            let laid = wish.plain(&Dims::of(&info)).map(|mut laid| {
                if wish.even.is_some() {
                    laid.spread = Some(0.03);
                    laid.cells.iter_mut().for_each(|c| *c = evened(c));
                }
                laid.anchors.iter().for_each(|(anchor, cell)| laid.cells[*cell].clone_from(&own[*anchor]));
                Box::new(laid)
            });
            match laid {
                Ok(laid) => tell(LatentEvent::LaidOut { ticket, model, laid: Some(laid) }),
                Err(problem) => {
                    let told = LatentEvent::LaidOut { ticket, model, laid: None };
                    vec![Event::Message(problem), Event::Latent(told)]
                }
            }
        }

        LatentCommand::ListDirections { model } => directions(script, &model),
        LatentCommand::FindDirections { job, model, find } => {
            let Some(info) = info_of(script, &model) else { return missing(&model) };
            let names = names_of(&find);
            let new = names.iter().map(|n| direction(n, &info));
            script.latent.directions.entry(model.clone()).or_default().extend(new);
            let mut told = directions(script, &model);
            told.push(Event::Latent(LatentEvent::DirectionsFound { job, model, names }));
            job_of(job, "Looking for directions", 8, told)
        }
        LatentCommand::MeasureDirections { job, model, names, data } => {
            let all = script.latent.directions.entry(model.clone()).or_default();
            for d in all.iter_mut().filter(|d| names.is_empty() || names.contains(&d.name)) {
                let known = if data.is_some() { vec![("size".into(), 0.9), ("hue".into(), -0.2)] } else { Vec::new() };
                d.entanglement = Some(Entanglement { rest: 0.35, change: 0.1, attributes: known });
            }
            job_of(job, "Measuring", 2, directions(script, &model))
        }
        LatentCommand::KeepDirection { model, direction, replaces } => {
            let all = script.latent.directions.entry(model.clone()).or_default();
            match replaces.and_then(|name| all.iter().position(|d| d.name == name)) {
                Some(i) => all[i] = direction,
                None => all.push(direction),
            }
            directions(script, &model)
        }
        LatentCommand::SeparateDirection { model, name, others } => {
            let all = script.latent.directions.entry(model.clone()).or_default();
            let Some(own) = all.iter().position(|d| d.name == name) else { return missing(&name) };
            let chosen: Vec<&Direction> =
                all.iter().filter(|d| d.name != name && (others.is_empty() || others.contains(&d.name))).collect();
            match all[own].apart_from(&chosen) {
                Ok(apart) => all[own] = apart,
                Err(problem) => return vec![Event::Message(problem)],
            }
            directions(script, &model)
        }
        LatentCommand::RemoveDirections { model, names } => {
            script.latent.directions.entry(model.clone()).or_default().retain(|d| !names.contains(&d.name));
            directions(script, &model)
        }
        LatentCommand::ExportDirections { job, out, .. } => {
            job_of(job, "Writing directions", 1, vec![Event::Exported { job, files: vec![out] }])
        }
        LatentCommand::ImportDirections { model, path } => {
            let Some(info) = info_of(script, &model) else { return missing(&model) };
            let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            script.latent.directions.entry(model.clone()).or_default().push(direction(&name, &info));
            directions(script, &model)
        }
        other => pictures(script, other),
    }
}

/// Answers to what makes pictures.
#[allow(clippy::too_many_lines)] // one arm a command: a table, read as one
fn pictures(script: &mut Script, command: LatentCommand) -> Vec<Event> {
    let tell = |event: LatentEvent| vec![Event::Latent(event)];
    let model = model_of(&command).unwrap_or_default();
    let Some(info) = script.models.iter().find(|m| m.model == model).or(script.models.first()).cloned() else {
        return vec![Event::Message(Problem::data("There is no such model").of(model))];
    };
    let dims = Dims::of(&info);
    let make = |latent: &Latent, truncation: f32| made::picture_of(&info, latent, truncation);
    let own = |name: &str| Latent::Point { values: Stream::new(1, name).normals(info.latent as usize) };
    match command {
        LatentCommand::PlaneLatents { ticket, model, plane, places } => {
            match places.iter().map(|(x, y)| plane.at(&dims, *x, *y)).collect::<crate::base::Result<Vec<_>>>() {
                Ok(latents) => tell(LatentEvent::Latents { ticket, model, latents }),
                Err(problem) => vec![Event::Message(problem)],
            }
        }
        LatentCommand::ListEncoder { model } => {
            let known = script.latent.encoders.contains(&model).then(|| encoder(&info));
            tell(LatentEvent::Encoder { model, info: known })
        }
        LatentCommand::TrainEncoder { job, model, kimg } => {
            script.latent.encoders.insert(model.clone());
            let info = Some(encoder(&info));
            let told = tell(LatentEvent::Encoder { model, info });
            job_of(job, "Training the encoder", (kimg * 1000.0) as u64, told)
        }
        LatentCommand::PauseEncoder { .. } | LatentCommand::StopDrag { .. } => Vec::new(),
        LatentCommand::Invert { job, model, inputs, wish } => {
            let mut told = vec![Event::Latent(LatentEvent::InvertFiles { job, files: inputs.clone() })];
            for (index, path) in inputs.iter().enumerate() {
                let name = path.display().to_string();
                let input = made::source_picture(&name, 0, info.resolution);
                let latent = own(&name);
                let picture = make(&latent, 1.0);
                for (k, part) in [0.3, 0.7, 1.0].into_iter().enumerate() {
                    let picture = make(&latent, part);
                    let step = Step { index, step: wish.steps * k as u32 / 2, picture, psnr: 12.0 + 8.0 * k as f64 };
                    told.push(Event::Latent(LatentEvent::Inverting { job, step }));
                }
                let guess = Some((latent.clone(), 21.5));
                let outside = Some(name.contains("strange"));
                let found = Box::new(Found { input, latent, picture, psnr: 28.0, guess, outside });
                let (model, path) = (model.clone(), path.clone());
                told.push(Event::Latent(LatentEvent::Inverted { job, model, index, path, found }));
            }
            job_of(job, "Looking for latents", inputs.len() as u64, told)
        }
        LatentCommand::Tune { job, model, latent, .. } => {
            let child = format!("{} tuned", info.name);
            let tuned = ModelInfo {
                model: child.clone(),
                name: child.clone(),
                shipped: false,
                parent: Some(info.hash.clone()),
                ..info.clone()
            };
            script.models.push(tuned);
            let picture = make(&latent, 1.0);
            let told = LatentEvent::Tuned { job, model, child, picture, psnr: 34.0 };
            job_of(job, "Tuning the model", 100, vec![Event::Models(script.models.clone()), Event::Latent(told)])
        }
        LatentCommand::MapTiles { map, plane, truncation, zoom, tiles, .. } => {
            let mut told = Vec::new();
            for tile in tiles {
                let Ok(places) = crate::latent::map::places(zoom, tile.0, tile.1) else { break };
                let cells: Vec<Picture> =
                    places.iter().filter_map(|(x, y)| Some(make(&plane.at(&dims, *x, *y).ok()?, truncation))).collect();
                let picture = Picture::grid(&cells, crate::latent::map::CELLS as usize, 0, [0; 4]);
                told.push(Event::Latent(LatentEvent::MapTile { map, zoom, tile, picture }));
            }
            told
        }
        LatentCommand::Drag { session, model, latent, truncation, wish } => {
            let steps = 4;
            let told = (1..=steps).map(|step| {
                let t = step as f32 / steps as f32;
                let along = |h: &crate::latent::drag::Handle| {
                    [h.from[0] + t * (h.to[0] - h.from[0]), h.from[1] + t * (h.to[1] - h.from[1])]
                };
                let mut values = latent.values(info.latent as usize);
                values[0] += t;
                let moved = Latent::Point { values };
                let standing = Box::new(DragState {
                    step,
                    points: wish.handles.iter().map(along).collect(),
                    left: (1.0 - t) * 6.0,
                    done: step == steps,
                    picture: make(&moved, truncation),
                    latent: moved,
                });
                Event::Latent(LatentEvent::Dragged { session, model: model.clone(), standing })
            });
            told.collect()
        }
        LatentCommand::Paint { job, model, latent, truncation, wish } => {
            let mut values = latent.values(info.latent as usize);
            values.iter_mut().for_each(|v| *v += 0.3);
            let new = Latent::Point { values };
            let painted = Painted { before: make(&latent, truncation), picture: make(&new, 1.0), latent: new };
            let way = LatentEvent::Painting { job, step: wish.steps / 2, picture: painted.picture.clone() };
            let done = LatentEvent::Painted { job, model, painted: Box::new(painted) };
            job_of(job, "Following the brush", u64::from(wish.steps), vec![Event::Latent(way), Event::Latent(done)])
        }
        LatentCommand::Mend { job, model, input, steps, .. } => {
            let name = input.display().to_string();
            let latent = own(&name);
            let picture = make(&latent, 1.0);
            let mended = Mended {
                input: made::source_picture(&name, 0, info.resolution),
                model: picture.clone(),
                picture,
                latent,
            };
            let told = tell(LatentEvent::Mended { job, model, path: input, mended: Box::new(mended) });
            job_of(job, "Repairing", u64::from(steps), told)
        }
        LatentCommand::TakeIn { ticket, model, input } => {
            let name = input.display().to_string();
            let seen = made::source_picture(&name, 0, info.resolution);
            let picture = (!name.contains("broken")).then(|| Box::new(seen));
            tell(LatentEvent::TakenIn { ticket, model, path: input, picture })
        }
        LatentCommand::WriteMended { job, out, .. } => {
            job_of(job, "Exporting", 1, vec![Event::Exported { job, files: vec![out] }])
        }
        LatentCommand::Frames { ticket, model, timeline, times } => {
            match times.iter().map(|t| timeline.at(&dims, 1.0, *t)).collect::<crate::base::Result<Vec<_>>>() {
                Ok(frames) => tell(LatentEvent::Frames { ticket, model, frames }),
                Err(problem) => vec![Event::Message(problem)],
            }
        }
        LatentCommand::Film { job, timeline, options, .. } => {
            if let Err(problem) = timeline.check() {
                return vec![Event::JobEnded { job, problem: Some(problem) }];
            }
            let frames = (timeline.seconds * f64::from(options.fps)) as u64;
            job_of(job, "Exporting", frames, vec![Event::Exported { job, files: vec![options.out] }])
        }
        LatentCommand::Atlas { job, model, wish, kept } => {
            let atlas = Arc::new(atlas(script, &wish, &kept, info.recipe.data.source.clone()));
            script.latent.atlases.insert(model.clone(), atlas.clone());
            let points = atlas.points.len() as u64;
            job_of(job, "Laying out", points, tell(LatentEvent::Atlas { job, model, atlas }))
        }
        LatentCommand::AtlasThumbs { model, points, size } => {
            let Some(atlas) = script.latent.atlases.get(&model) else { return Vec::new() };
            let thumb = |i: &u32| {
                let picture = match &atlas.points.get(*i as usize)?.whose {
                    Whose::Real { name, .. } => made::source_picture(name, *i, size),
                    Whose::Generated { seed } => make(&Latent::Seed { seed: *seed }, 1.0),
                    Whose::Kept { id } => made::source_picture("kept", *id as u32, size),
                };
                Some((*i, picture))
            };
            let thumbs = points.iter().filter_map(thumb).collect();
            tell(LatentEvent::AtlasThumbs { model, thumbs })
        }
        LatentCommand::ExportBoth { job, latents, options, .. } => {
            let cells = latents.iter().map(Vec::len).sum::<usize>() as u64;
            job_of(job, "Exporting", cells, vec![Event::Exported { job, files: vec![options.out] }])
        }
        LatentCommand::Apart { ticket, pictures } => {
            let distance = if pictures[0] == pictures[1] { 0.0 } else { 0.25 };
            tell(LatentEvent::Apart { ticket, distance })
        }
        LatentCommand::FindOwnData { model } => {
            let there = !script.latent.without_data.contains(&model);
            tell(LatentEvent::OwnDataFound { model, there })
        }
        LatentCommand::OwnData { model, .. } => tell(LatentEvent::OwnData { model }),
        LatentCommand::AtlasAt { ticket, model, places } => {
            let Some(atlas) = script.latent.atlases.get(&model) else { return Vec::new() };
            match places.iter().map(|place| atlas.at(&dims, *place)).collect::<crate::base::Result<Vec<_>>>() {
                Ok(latents) => tell(LatentEvent::Latents { ticket, model, latents }),
                Err(problem) => vec![Event::Message(problem)],
            }
        }
        LatentCommand::Breed { ticket, model, parents, wish } => {
            match dims.breed(&parents, &wish, &|seed| Ok(Latent::Seed { seed })) {
                Ok(children) => tell(LatentEvent::Offspring { ticket, model, children }),
                Err(problem) => vec![Event::Message(problem)],
            }
        }
        LatentCommand::KeepChild { latent, parents, .. } => {
            let id = script.items.iter().map(|(i, _)| i.id).max().unwrap_or(0) + 1;
            let mut item = made::item(id, &info, latent);
            (item.rating, item.starred, item.tags) = (0, false, Vec::new());
            script.items.insert(0, (item, false));
            script.latent.parents.insert(id, parents);
            vec![Event::ItemsChanged, family(script, id)]
        }
        LatentCommand::Family { item } => vec![family(script, item)],
        LatentCommand::Inside { ticket, model, latent, truncation, look } => {
            let channel = |i: u64| ChannelLook {
                mean: 0.1 * i as f32,
                deviation: 1.0,
                range: [-1.0, 2.0],
                silent: 1.0 / (i + 1) as f32,
                map: made::gradient(
                    &Stream::new(i, "map").normals(8),
                    8 << look.tap.min(3),
                    crate::base::Channels::Grey,
                ),
            };
            // What is switched off shows: each channel shifts the picture a little.
            let mut values = latent.values(info.latent as usize);
            let shift = 0.4 * look.off.len() as f32 + f32::from(u8::from(look.without_noise));
            values.iter_mut().for_each(|v| *v += shift);
            let picture = make(
                &if values == latent.values(values.len()) { latent } else { Latent::Point { values } },
                truncation,
            );
            let taps = (0..4).map(|tap| [16, 8 << tap, 8 << tap]).collect();
            let inside = Inside { picture, channels: (0..16).map(channel).collect(), taps };
            tell(LatentEvent::Inside { ticket, model, inside: Box::new(inside) })
        }
        LatentCommand::ChannelEffects { job, model, tap, .. } => {
            let effects = (0..16).map(|i| 0.2 / (i + 1) as f32).collect();
            job_of(job, "Switching channels off", 16, tell(LatentEvent::ChannelEffects { job, model, tap, effects }))
        }
        LatentCommand::Rank { job, model, latents, truncation, text } => {
            let order = (0..latents.len()).rev().collect();
            let (told, answered) = ("The right one is among the first ten in half of the cases".into(), text != "x");
            let ranked = Box::new(Ranked { latents, truncation, text, order, told, answered });
            job_of(job, "Looking at pictures", 36, tell(LatentEvent::Ranked { job, model, ranked }))
        }
        LatentCommand::CodePlane { job, model, .. } => {
            let at =
                |i: u32| CodePoint { at: [(i % 8) as f32 * 0.4 - 1.4, (i / 8) as f32 * 0.4 - 1.4], label: Some(i % 3) };
            let points = Arc::new((0..60).map(at).collect());
            let labels = ["Shirt", "Bag", "Boot"].map(String::from).to_vec();
            job_of(job, "Encoding pictures", 60, tell(LatentEvent::CodePlane { job, model, points, labels }))
        }
        LatentCommand::CodeUse { job, model, .. } => {
            let prior = prior_histogram();
            let number = |kl: f32| NumberUse {
                kl,
                used: kl > 0.01,
                mean: 0.0,
                deviation: kl.min(1.0),
                doubt: (-kl).exp(),
                histogram: prior.clone(),
            };
            let numbers = made::kl(info.latent as usize).into_iter().map(number).collect();
            job_of(
                job,
                "Encoding pictures",
                200,
                tell(LatentEvent::CodeUse { job, model, numbers, prior: prior.clone() }),
            )
        }
        LatentCommand::Anomaly { ticket, model, input } => {
            let name = input.display().to_string();
            let Resolution { width, height } = info.resolution;
            let mut heat = Picture::filled(width, height, [0; 4]);
            heat.paste(&Picture::filled(width / 3, height / 3, [255, 80, 30, 200]), 1, 1);
            let anomaly = Box::new(Anomaly {
                input: made::source_picture(&name, 0, info.resolution),
                reconstruction: make(&own(&name), 1.0),
                heat,
                error: 0.2,
                usual: 0.05,
            });
            tell(LatentEvent::Anomaly { ticket, model, anomaly })
        }
        _ => Vec::new(),
    }
}

/// The model that a command speaks of.
fn model_of(command: &LatentCommand) -> Option<String> {
    use LatentCommand as C;
    match command {
        C::PlaneLatents { model, .. }
        | C::ListEncoder { model }
        | C::TrainEncoder { model, .. }
        | C::Invert { model, .. }
        | C::Tune { model, .. }
        | C::MapTiles { model, .. }
        | C::Drag { model, .. }
        | C::Paint { model, .. }
        | C::Mend { model, .. }
        | C::TakeIn { model, .. }
        | C::WriteMended { model, .. }
        | C::Frames { model, .. }
        | C::Film { model, .. }
        | C::Atlas { model, .. }
        | C::AtlasThumbs { model, .. }
        | C::AtlasAt { model, .. }
        | C::Breed { model, .. }
        | C::KeepChild { model, .. }
        | C::Inside { model, .. }
        | C::Rank { model, .. }
        | C::ChannelEffects { model, .. }
        | C::CodeUse { model, .. }
        | C::CodePlane { model, .. }
        | C::FindOwnData { model }
        | C::Anomaly { model, .. } => Some(model.clone()),
        _ => None,
    }
}

fn encoder(info: &ModelInfo) -> EncoderInfo {
    EncoderInfo {
        hash: info.hash.clone(),
        model: info.model.clone(),
        kimg: 200.0,
        psnr: 22.4,
        low: 17.1,
        class_accuracy: 1.0,
        ..EncoderInfo::default()
    }
}

/// A made sheet: real pictures in a ring, generated ones in most of it.
fn atlas(script: &Script, wish: &gather::AtlasConfig, kept: &[i64], own: String) -> Atlas {
    let on_ring = |i: u32, n: u32, wide: f32| {
        let (turn, r) = (i as f32 / n.max(1) as f32 * std::f32::consts::TAU, 0.6 + wide * (i % 7) as f32 / 20.0);
        [r * turn.cos(), r * turn.sin()]
    };
    let real = if wish.data.is_some() { script.pictures.min(wish.limit) } else { 0 };
    let gone = real * 9 / 10;
    let mut points: Vec<Point> = (0..real)
        .map(|index| {
            let (name, label, covered) = (format!("picture {index}"), Some(index % 3), index < gone);
            let hardness = Some(0.02 + 0.01 * (index % 10) as f32);
            let whose = Whose::Real { index, name, label, covered, hardness };
            Point { place: on_ring(index, real, 1.0), whose, latent: None }
        })
        .collect();
    points.extend((0..wish.samples).map(|i| {
        let seed = u64::from(i) + 1;
        let latent = Some(Latent::Seed { seed });
        Point { place: on_ring(i * 9, wish.samples * 10, 0.8), whose: Whose::Generated { seed }, latent }
    }));
    points.extend(kept.iter().map(|&id| {
        let of = script.items.iter().find(|(i, _)| i.id == id).and_then(|(i, _)| i.recipe.as_ref());
        let latent = of.map(|r| r.latent.clone());
        Point { place: on_ring(id as u32, 50, 0.2), whose: Whose::Kept { id }, latent }
    }));
    let members: Vec<u32> = (gone..real).collect();
    let places: Vec<[f32; 2]> = members.iter().map(|&i| on_ring(i, real, 1.0)).collect();
    let outline = outline::around(&places, 0.3);
    let source = wish.data.clone().map(|data| if data.is_empty() { own } else { data }).unwrap_or_default();
    let holes = if members.len() > 2 { vec![Hole { members, outline }] } else { Vec::new() };
    Atlas { points, labels: ["round", "square", "other"].map(String::from).to_vec(), source, holes }
}

fn family(script: &Script, item: i64) -> Event {
    let parents = |id: i64| script.latent.parents.get(&id).cloned().unwrap_or_default();
    let mut ids = vec![item];
    let mut next = 0;
    while let Some(&id) = ids.get(next) {
        let children = script.latent.parents.iter().filter(|(_, of)| of.contains(&id)).map(|(child, _)| *child);
        let related: Vec<i64> = parents(id).into_iter().chain(children).collect();
        ids.extend(related.into_iter().filter(|i| !ids.contains(i)).collect::<BTreeSet<_>>());
        next += 1;
    }
    let kept = ids.iter().filter_map(|id| script.items.iter().find(|(i, _)| i.id == *id));
    let members = kept.map(|(i, _)| LineageNode { item: i.clone(), parents: parents(i.id) }).collect();
    Event::Latent(LatentEvent::Family { item, members })
}

fn directions(script: &Script, model: &str) -> Vec<Event> {
    let all = script.latent.directions.get(model).cloned().unwrap_or_default();
    vec![Event::Latent(LatentEvent::Directions { model: model.into(), directions: Arc::new(all) })]
}

fn names_of(find: &Find) -> Vec<String> {
    let numbered = |word: &str, count: &u32| (1..=*count).map(|i| format!("{word} {i}")).collect();
    match find {
        Find::Principal { count, .. } | Find::Codes { count, .. } => numbered("Axis", count),
        Find::Sefa { count, .. } => numbered("SeFa", count),
        Find::Data { only, .. } if !only.is_empty() => only.clone(),
        Find::Data { .. } => ["size", "hue", "x", "y"].map(String::from).to_vec(),
        Find::Taste { name, .. } | Find::Difference { name, .. } => vec![name.clone()],
        Find::Text { text } => vec![text.clone()],
    }
}

/// A place a little further on, as even steps would have it.
fn evened(latent: &Latent) -> Latent {
    let mut place = latent.place();
    place.values.iter_mut().take(1).for_each(|v| *v += 0.05);
    Latent::of(place)
}

fn style(info: &ModelInfo, latent: &Latent, each_layer: bool) -> Latent {
    let dims = Dims::of(info);
    let mut values = dims.numbers(latent);
    if each_layer && values.len() == dims.z {
        values = values.repeat(dims.layers.max(4));
    }
    Latent::Place(Place { space: Space::W, values, seed: None, ..latent.place() })
}

/// Directions that come with the first shipped model.
pub(super) fn made_directions() -> Latents {
    let models = made::models();
    let mut directions = BTreeMap::new();
    if let Some(info) = models.iter().find(|m| m.model == "nouns-gan") {
        let all = ["Bigger head", "Warmer", "Glasses"].map(|n| direction(n, info)).to_vec();
        directions.insert(info.model.clone(), all);
    }
    Latents { directions, encoders: BTreeSet::from(["nouns-gan".to_string()]), ..Latents::default() }
}
