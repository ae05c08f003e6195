//! A run of a lesson: what it makes, how far it is, what is happening in it, and its numbers with what they mean.

use egui::{Align, Label, Layout, RichText, Sense, Ui, Vec2, vec2};
use egui_material_icons::icons::{ICON_EXPLORE, ICON_MODEL_TRAINING};

use crate::base::{Family, Picture};
use crate::engine::{RunState, RunSummary};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::state::{RunLive, Studio};
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::views::train::now;
use crate::ui::views::{Cx, ViewId};
use crate::ui::{format, glossary, status, verdict};

/// Samples a side of the sheet.
const SIDE: usize = 5;
/// The largest sheet, in points.
const LARGEST: f32 = 360.0;

/// The newest run of this name.
pub fn named<'a>(studio: &'a Studio, name: &str) -> Option<&'a RunSummary> {
    studio.runs.iter().find(|r| r.name == name)
}

/// Which pictures of a run are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shown {
    /// From random latents.
    Samples,
    /// Real pictures above what became of them.
    Rebuilt,
}

/// Draws what a run has made so far.
pub fn sheet(ui: &mut Ui, cx: &mut Cx<'_>, run: Option<&RunSummary>, shown: Shown, title: &str) {
    let side = ui.available_width().min(LARGEST).floor();
    let preview = run.and_then(|r| cx.studio.live.get(&r.dir)).and_then(|l| l.preview.clone());
    let (Some(run), Some(preview)) = (run, preview) else {
        let place = theme::skeleton(ui, Vec2::splat(side));
        if run.is_none() {
            let (t, font) = (theme::tokens(ui), egui::FontId::proportional(size::SMALL));
            let text = "Pictures appear here once it is started";
            ui.painter().text(place.rect.center(), egui::Align2::CENTER_CENTER, text, font, t.weak);
        }
        return;
    };
    let pictures: Vec<&Picture> = match shown {
        Shown::Samples => preview.samples.iter().take(SIDE * SIDE).collect(),
        Shown::Rebuilt => {
            let pairs = preview.reals.iter().zip(&preview.reconstructions);
            let rows: Vec<(&Picture, &Picture)> = pairs.take(SIDE * (SIDE / 2)).collect();
            rows.chunks(SIDE).flat_map(|row| row.iter().map(|p| p.0).chain(row.iter().map(|p| p.1))).collect()
        }
    };
    cx.pictures_of(&run.dir.display().to_string());
    let columns = if pictures.len() == 1 { 1 } else { SIDE };
    let cell = (side / columns as f32 - 2.0).floor();
    ui.spacing_mut().item_spacing = Vec2::splat(2.0);
    for (row, line) in pictures.chunks(columns).enumerate() {
        ui.horizontal(|ui| {
            for (column, picture) in line.iter().enumerate() {
                let key = key(("lesson", &run.dir, shown, row, column));
                let tex = cx.textures.get(ui.ctx(), key, preview.images, picture);
                let name = format!("{title} {}", row * columns + column + 1);
                textures::picture(ui, &tex, Vec2::splat(cell), Sense::hover(), &name);
            }
        });
    }
}

/// A run with what it makes and what is to be known of it.
pub fn panel(ui: &mut Ui, cx: &mut Cx<'_>, title: &str, look: &str, run: Option<&RunSummary>) {
    let t = theme::tokens(ui);
    ui.with_layout(Layout::top_down(Align::Min), |ui| {
        ui.horizontal(|ui| {
            let heading = theme::section(ui, title);
            glossary::explain(heading, title);
            if let Some(run) = run {
                let (word, tone) = status::state_word(run);
                theme::badge(ui, tone, word);
            }
        });
        ui.scope(|ui| sheet(ui, cx, run, Shown::Samples, title));
        ui.add_space(size::XS);
        ui.add(Label::new(RichText::new(look).size(size::SMALL).color(t.weak)).wrap());
        let Some(run) = run else { return };
        let live = cx.studio.live.get(&run.dir);
        progress(ui, run);
        if let Some(line) = now::line(run, live) {
            ui.add(Label::new(line).wrap());
        }
        if let Some(live) = live {
            numbers(ui, run, live);
        }
        ui.horizontal(|ui| {
            let open = theme::quiet_button(ui, Some(ICON_MODEL_TRAINING), "Open the run");
            theme::name(&open, egui::Role::Button, &format!("Open the run {title}"));
            if open.clicked() {
                cx.push(Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(run.dir.clone()))));
            }
            if !run.checkpoints.is_empty() {
                let explore = theme::quiet_button(ui, Some(ICON_EXPLORE), "Explore it");
                theme::name(&explore, egui::Role::Button, &format!("Explore the run {title}"));
                if explore.clicked() {
                    cx.push(Action::explore(run.dir.display().to_string()));
                }
            }
        });
    });
}

fn progress(ui: &mut Ui, run: &RunSummary) {
    let p = &run.progress;
    let share = (p.target > 0).then(|| (p.images as f64 / p.target as f64).min(1.0) as f32);
    if run.state.is_alive() {
        theme::progress(ui, share, ui.available_width().min(LARGEST), &format!("Progress of {}", run.name));
    }
    let text = match run.state {
        RunState::Training => format!("{} · {}", format::kimg(p.images), status::time_left(run)),
        RunState::Queued => "Begins when the run before it ends".into(),
        _ => format::kimg(p.images),
    };
    glossary::explain(theme::weak(ui, text), "kimg");
    if let Some(problem) = &run.problem {
        theme::toned(ui, theme::Tone::Bad, problem.to_string());
    }
}

/// Numbers that a lesson speaks of, by their name in curves, with what they are called.
const GAN: [(&str, &str); 3] = [("kid", "KID"), ("sign_rate", "Sign rate"), ("modes", "Modes")];
const VAE: [(&str, &str); 4] =
    [("kid", "KID"), ("reconstruction", "Reconstruction"), ("kl", "KL"), ("active_units", "Active units")];

fn numbers(ui: &mut Ui, run: &RunSummary, live: &RunLive) {
    let t = theme::tokens(ui);
    let rows: &[(&str, &str)] = if run.recipe.family() == Ok(Family::Vae) { &VAE } else { &GAN };
    for (name, title) in rows {
        let Some(value) = live.curves.get(*name).and_then(|s| s.values.last().copied()) else { continue };
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(size::XS, 0.0);
            ui.label(RichText::new(format!("{title} {}", format::number(value))).strong());
            if let Some(verdict) = verdict::of(name, value) {
                ui.label(RichText::new(verdict.word).color(verdict.tone.colour(t)));
            }
        });
        ui.add(Label::new(RichText::new(glossary::says(title)).size(size::SMALL).color(t.weak)).wrap());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_a_lesson_is_explained() {
        for (_, title) in GAN.iter().chain(&VAE) {
            assert!(glossary::find(title).is_some(), "{title}");
        }
    }
}
