//! Runs that came from each other, as branches over pictures seen.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Align2, FontId, Role, ScrollArea, Sense, Stroke, Ui, pos2, vec2};
use egui_material_icons::icons::ICON_COMPARE;

use crate::base::Picture;
use crate::engine::{Command, Event, RunSummary};
use crate::train::report::Preview;
use crate::ui::format;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;

/// Height of the drawing, in points.
const HEIGHT: f32 = 220.0;
/// Room for the numbers beside and below it, in points.
const MARGIN: egui::Vec2 = vec2(48.0, 20.0);
/// Most forks between a run and the one that all came from.
const DEEPEST: usize = 64;

/// A run among its relatives.
pub(super) struct Branch<'a> {
    pub run: &'a RunSummary,
    /// How many forks lie between it and the run that all came from.
    pub depth: usize,
}

/// The run that all came from, its forks, and theirs, each after the one that it came from.
pub(super) fn family<'a>(runs: &'a [RunSummary], of: &'a RunSummary) -> Vec<Branch<'a>> {
    let parent = |run: &RunSummary| {
        let origin = run.origin.as_ref()?;
        runs.iter().find(|r| r.dir == origin.run && r.dir != run.dir)
    };
    let root = std::iter::successors(Some(of), |run| parent(run)).take(DEEPEST).last().unwrap_or(of);
    let mut out = Vec::new();
    let mut waiting = vec![(root, 0)];
    while let Some((run, depth)) = waiting.pop() {
        if depth > DEEPEST || out.iter().any(|b: &Branch<'_>| b.run.dir == run.dir) {
            continue;
        }
        let mut forks: Vec<&RunSummary> =
            runs.iter().filter(|r| r.origin.as_ref().is_some_and(|o| o.run == run.dir)).collect();
        forks.sort_by_key(|r| std::cmp::Reverse(r.origin.as_ref().map_or(0, |o| o.images)));
        waiting.extend(forks.into_iter().map(|fork| (fork, depth + 1)));
        out.push(Branch { run, depth });
    }
    out
}

/// Scores of a run's own checkpoints: pictures seen, and the score (lower is better).
fn scores(run: &RunSummary) -> impl Iterator<Item = (u64, f64)> {
    let from = run.origin.as_ref().map_or(0, |o| o.images);
    run.checkpoints.iter().filter(move |c| c.images >= from).filter_map(|c| Some((c.images, c.score?)))
}

/// What a fork changes, in words.
fn changes(run: &RunSummary) -> String {
    let Some(origin) = &run.origin else { return String::new() };
    let each = origin.changes.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ");
    let each = if each.is_empty() { "nothing changed".to_owned() } else { each };
    format!("from {}: {each}", format::kimg(origin.images))
}

/// Seconds that each of two branches is shown while they blink.
const BLINK: f64 = 0.8;

/// A moment of the shown branch: its samples and its score then.
#[derive(Debug, Default)]
struct Moment {
    /// Place among the moments that there are samples of, counted from the last.
    back: usize,
    asked: Option<(PathBuf, u64)>,
    seen: Option<Arc<Preview>>,
}

impl Moment {
    /// The slider; says which moment is chosen, if the branch has several.
    fn choose(&mut self, ui: &mut Ui, shown: &RunSummary, cx: &mut Cx<'_>) -> Option<u64> {
        let live = cx.studio.live.get(&shown.dir)?;
        let moments = live.previews.clone();
        let last = moments.len().checked_sub(1).filter(|last| *last > 0)?;
        let mut place = last - self.back.min(last);
        let newest = |name: &str, at: u64| {
            let curve = live.curves.get(name)?;
            let i = curve.images.partition_point(|images| *images <= at).checked_sub(1)?;
            Some((super::signals::of(name).0.into_owned(), curve.values[i]))
        };
        ui.horizontal(|ui| {
            let slider = egui::Slider::new(&mut place, 0..=last)
                .custom_formatter(|v, _| format::kimg(moments[(v as usize).min(last)]));
            ui.add(slider).accessible_name("Moment of the branch");
            let score = ["valid_elbo", "kid"].into_iter().find_map(|name| newest(name, moments[place]));
            let text = score.map_or_else(
                || "No score up to there".to_owned(),
                |(title, value)| format!("{title} {}", format::number(value)),
            );
            let label = theme::weak(ui, text);
            theme::name(&label, Role::Status, "Score at the moment");
        });
        self.back = last - place;
        let at = moments[place];
        let wanted = Some((shown.dir.clone(), at));
        if self.asked != wanted {
            cx.send(Command::LoadPreview { dir: shown.dir.clone(), images: at });
            (self.asked, self.seen) = (wanted, None);
        }
        Some(at)
    }

    /// The samples, `side` across and down.
    fn samples(&self, ui: &mut Ui, side: f32, cx: &mut Cx<'_>) {
        match (&self.seen, &self.asked) {
            (Some(preview), Some(asked)) if !preview.samples.is_empty() => {
                let cells = &preview.samples[..preview.samples.len().min(36)];
                let columns = (cells.len() as f64).sqrt().ceil() as usize;
                let sheet = Picture::grid(cells, columns, 1, [0; 4]);
                let ctx = ui.ctx().clone();
                let tex = cx.textures.get(&ctx, key("moment"), key(asked), &sheet);
                let size = tex.fit(egui::Vec2::splat(side));
                textures::picture(ui, &tex, size, Sense::hover(), "Samples at the moment");
            }
            _ => {
                theme::skeleton(ui, egui::Vec2::splat(side));
            }
        }
    }
}

/// Two branches whose samples are shown in turn, at as many pictures seen.
#[derive(Debug, Default)]
pub(super) struct Blink {
    /// The other run; nothing while none blinks.
    pub other: Option<PathBuf>,
    /// Place among the moments that both have samples of, counted from the last.
    back: usize,
    /// The runs and the moment that samples were asked of.
    asked: Option<([PathBuf; 2], u64)>,
    seen: [Option<Arc<Preview>>; 2],
    /// What is shown while none blinks.
    moment: Moment,
}

impl Blink {
    /// Takes samples that were asked for.
    pub fn receive(&mut self, event: &Event) {
        if let (Event::RunPreview { dir, preview, live: false }, Some((run, images))) = (event, &self.moment.asked)
            && (run, *images) == (dir, preview.images)
        {
            self.moment.seen = Some(preview.clone());
        }
        if let (Event::RunPreview { dir, preview, live: false }, Some((runs, images))) = (event, &self.asked)
            && preview.images == *images
            && let Some(i) = runs.iter().position(|run| run == dir)
        {
            self.seen[i] = Some(preview.clone());
        }
    }

    /// Shows samples of both in turn.
    fn show(&mut self, ui: &mut Ui, shown: &RunSummary, cx: &mut Cx<'_>) {
        let Some(other) = self.other.clone().filter(|other| *other != shown.dir) else {
            self.other = None;
            return;
        };
        let runs = [shown.dir.clone(), other];
        let moments = |dir: &PathBuf| cx.studio.live.get(dir).map(|live| live.previews.clone()).unwrap_or_default();
        let theirs = moments(&runs[1]);
        let both: Vec<u64> = moments(&runs[0]).into_iter().filter(|images| theirs.contains(images)).collect();
        let mut stop = false;
        ui.horizontal(|ui| {
            stop = theme::quiet_button(ui, None, "Stop blinking").clicked();
            if both.len() > 1 {
                self.back = self.back.min(both.len() - 1);
                let mut place = both.len() - 1 - self.back;
                let slider = egui::Slider::new(&mut place, 0..=both.len() - 1)
                    .custom_formatter(|v, _| format::kimg(both[(v as usize).min(both.len() - 1)]));
                ui.add(slider).accessible_name("Pictures seen by both");
                self.back = both.len() - 1 - place;
            }
        });
        if stop {
            *self = Self::default();
            return;
        }
        let Some(images) = both.len().checked_sub(1 + self.back).map(|place| both[place]) else {
            theme::weak(ui, "No samples at the same point in both runs yet");
            return;
        };
        let wanted = Some((runs.clone(), images));
        if self.asked != wanted {
            for dir in &runs {
                cx.send(Command::LoadPreview { dir: dir.clone(), images });
            }
            (self.asked, self.seen) = (wanted, [None, None]);
        }
        let turn = usize::from(ui.input(|i| i.time) % (2.0 * BLINK) >= BLINK);
        ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(BLINK / 4.0));
        let name = cx.studio.runs.iter().find(|r| r.dir == runs[turn]).map_or("", |r| r.name.as_str());
        theme::weak(ui, format!("{} at {}", format::shortened(name, 32), format::kimg(images)));
        let side = ui.available_width().min(HEIGHT);
        match &self.seen[turn] {
            Some(preview) if !preview.samples.is_empty() => {
                let cells = &preview.samples[..preview.samples.len().min(36)];
                let columns = (cells.len() as f64).sqrt().ceil() as usize;
                let sheet = Picture::grid(cells, columns, 1, [0; 4]);
                let ctx = ui.ctx().clone();
                let tex = cx.textures.get(&ctx, key(("blink", turn)), key((&runs[turn], images)), &sheet);
                textures::picture(
                    ui,
                    &tex,
                    tex.fit(egui::Vec2::splat(side)),
                    Sense::hover(),
                    "Samples of both in turn",
                );
            }
            _ => {
                theme::skeleton(ui, egui::Vec2::splat(side));
            }
        }
    }
}

/// Draws the branches and lists them; says which run was chosen.
pub(super) fn show(
    ui: &mut Ui,
    blink: &mut Blink,
    branches: &[Branch<'_>],
    shown: &RunSummary,
    cx: &mut Cx<'_>,
) -> Option<PathBuf> {
    if blink.other.is_some() {
        blink.show(ui, shown, cx);
    } else {
        let at = blink.moment.choose(ui, shown, cx);
        let side = (ui.available_width() * 0.4).min(HEIGHT);
        ui.horizontal_top(|ui| {
            let beside = if at.is_some() { side + size::M } else { 0.0 };
            let wide = ui.available_width() - beside;
            ui.vertical(|ui| {
                ui.set_width(wide);
                draw(ui, branches, shown, at, cx);
            });
            if at.is_some() {
                blink.moment.samples(ui, side, cx);
            }
        });
    }
    let t = theme::tokens(ui);
    let mut chosen = None;
    ScrollArea::vertical().id_salt("branches").show(ui, |ui| {
        for branch in branches {
            ui.horizontal(|ui| {
                ui.add_space(branch.depth.min(8) as f32 * size::M);
                let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
                ui.painter().circle_filled(dot.center(), 4.0, t.series(cx.studio.run_colour(&branch.run.dir)));
                let best = scores(branch.run).map(|s| s.1).min_by(f64::total_cmp);
                let best = best.map_or_else(String::new, |s| format!(", best {s:.3}"));
                let name = format::shortened(&branch.run.name, 24);
                let text = format!("{name} ({}{best})", format::kimg(branch.run.progress.images));
                let label = ui.selectable_label(branch.run.dir == shown.dir, text);
                if label.on_hover_text(changes(branch.run)).clicked() {
                    chosen = Some(branch.run.dir.clone());
                }
                if branch.run.dir != shown.dir {
                    let button = theme::icon_button(ui, ICON_COMPARE, &format!("Blink with {name}"));
                    if button.clicked() {
                        *blink = Blink { other: Some(branch.run.dir.clone()), ..Blink::default() };
                    }
                }
            });
            if branch.run.origin.is_some() {
                ui.horizontal(|ui| {
                    ui.add_space((branch.depth.min(8) as f32 + 1.0) * size::M);
                    let text = egui::RichText::new(changes(branch.run)).size(size::SMALL).color(t.weak);
                    ui.add(egui::Label::new(text).truncate());
                });
            }
        }
    });
    chosen
}

/// Draws the branches: scores over pictures seen, with a line at the moment that is looked at.
fn draw(ui: &mut Ui, branches: &[Branch<'_>], shown: &RunSummary, moment: Option<u64>, cx: &Cx<'_>) {
    let t = theme::tokens(ui);
    let all: Vec<(u64, f64)> = branches.iter().flat_map(|b| scores(b.run)).collect();
    let furthest = branches.iter().map(|b| b.run.progress.images).max().unwrap_or(0).max(1);
    let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), s| (l.min(s.1), h.max(s.1)));
    // One score alone stands in the middle.
    let room = if high > low { 0.0 } else { (low.abs() * 0.05).max(1e-3) };
    let (low, high) = (low - room, high + room);
    if all.is_empty() {
        theme::weak(ui, "Branches are drawn once their checkpoints are scored");
    } else {
        let (whole, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
        theme::name(&response, Role::Canvas, "Scores of the branches over pictures seen");
        let rect = whole.with_min_x(whole.left() + MARGIN.x).with_max_y(whole.bottom() - MARGIN.y).shrink(6.0);
        let span = (high - low).max(1e-9);
        let at = |images: u64, score: f64| {
            let x = images as f32 / furthest as f32;
            let y = ((score - low) / span) as f32;
            pos2(rect.left() + x * rect.width(), rect.bottom() - y * rect.height())
        };
        let painter = ui.painter_at(whole);
        let line = Stroke::new(1.0, t.weak.gamma_multiply(0.5));
        painter.line_segment([rect.left_bottom(), rect.right_bottom()], line);
        painter.line_segment([rect.left_top(), rect.left_bottom()], line);
        let font = FontId::proportional(size::SMALL);
        for (y, value) in [(rect.top(), high), (rect.bottom(), low)] {
            let text = format!("{value:.3}");
            painter.text(pos2(rect.left() - 6.0, y), Align2::RIGHT_CENTER, text, font.clone(), t.weak);
        }
        let end = pos2(rect.right(), rect.bottom() + 4.0);
        painter.text(end, Align2::RIGHT_TOP, format::kimg(furthest), font, t.weak);
        if let Some(images) = moment {
            let x = at(images.min(furthest), low).x;
            painter.line_segment([pos2(x, rect.top()), pos2(x, rect.bottom())], Stroke::new(1.0, t.weak));
        }
        for branch in branches {
            let colour = t.series(cx.studio.run_colour(&branch.run.dir));
            let wide = if branch.run.dir == shown.dir { 2.5 } else { 1.5 };
            let mut points: Vec<_> = scores(branch.run).collect();
            // A fork hangs on the last score of its run up to where it parts.
            if let Some(origin) = &branch.run.origin
                && let Some(parent) = branches.iter().find(|b| b.run.dir == origin.run)
                && let Some(last) = scores(parent.run).filter(|s| s.0 <= origin.images).last()
                && points.first().is_none_or(|first| first.0 > last.0)
            {
                points.insert(0, last);
            }
            let places: Vec<_> = points.iter().map(|(images, score)| at(*images, *score)).collect();
            painter.add(egui::Shape::line(places.clone(), Stroke::new(wide, colour)));
            places.iter().for_each(|p| {
                painter.circle_filled(*p, wide + 1.0, colour);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;
    use crate::train::report::Origin;

    #[test]
    fn relatives_are_found_from_any_of_them_and_circles_end() {
        let mut runs: Vec<RunSummary> = fake::runs().into_iter().take(3).collect();
        assert_eq!(runs.len(), 3);
        let from = |run: &RunSummary, images| {
            let changes = vec![("optim.lr".into(), 0.001.into())];
            Some(Origin { run: run.dir.clone(), id: None, images, state: None, changes })
        };
        runs.iter_mut().for_each(|r| r.origin = None);
        (runs[1].origin, runs[2].origin) = (from(&runs[0], 3000), from(&runs[1], 9000));
        for of in 0..3 {
            let found = family(&runs, &runs[of]);
            let rows: Vec<_> = found.iter().map(|b| (b.run.dir.clone(), b.depth)).collect();
            assert_eq!(rows, [(runs[0].dir.clone(), 0), (runs[1].dir.clone(), 1), (runs[2].dir.clone(), 2)]);
        }
        assert_eq!(changes(&runs[1]), format!("from {}: optim.lr = 0.001", format::kimg(3000)));
        runs[0].origin = from(&runs[2], 1);
        assert_eq!(family(&runs, &runs[0]).len(), 3);
    }
}
