//! Retrieval: real pictures are looked up by words or pictures, and others are drawn near them.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use egui::{Context, Response, Ui};
use egui_material_icons::icons::{ICON_CASINO, ICON_TRAVEL_EXPLORE};

use crate::base::{Channels, Picture};
use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::latent::retrieval::Nearest;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::textures::{Tex, Textures};
use crate::ui::theme::{self, Tone};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::choices::empty_state;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::widgets::latent_slot::drag_only;
use crate::ui::widgets::picture_grid::{GridSource, Mark, PictureGrid};
use crate::ui::widgets::real_pictures::RealPictures;

/// Pictures that are drawn at once.
const COUNT: u64 = 12;

/// The page's own state.
#[derive(Default)]
pub struct Retrieval {
    real: RealPictures,
    feed: ImageRequests,
    grid: PictureGrid,
    first: u64,
    ticket: Option<u64>,
    drawn: Option<(ModelRef, Vec<Latent>, Vec<usize>)>,
    /// The pictures that were last held against the real ones, by where they are in memory, with what came of it.
    judged: Vec<(usize, Option<Nearest>)>,
    judging: Option<u64>,
    again: bool,
}

impl Page for Retrieval {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, shared, out, .. }: PageCx<'_, '_>) {
        shared.own_data.follow(&info.model, cx);
        if info.recipe.shape().channels == Channels::Points {
            let words =
                (ICON_TRAVEL_EXPLORE, "This model makes points", "Real pictures are looked up for models of pictures");
            empty_state(ui, cx, None, words, None);
            return;
        }
        theme::toolbar(ui, |ui| {
            self.real.search(ui, cx, ViewId::Explore, info, "a cat with glasses", "");
        });
        if shared.own_data.ask(ui, cx, ViewId::Explore, &info.model) {
            return;
        }
        if self.real.found(&info.model).is_none() {
            let text = "Give words or pictures above and press Find. New pictures are then drawn near the real ones";
            let words = (ICON_TRAVEL_EXPLORE, "Look up real pictures to draw from", text);
            empty_state(ui, cx, shared.present.as_ref(), words, None);
            return;
        }
        let area = egui::Frame::new().inner_margin(egui::Margin::same(theme::size::S as i8));
        area.show(ui, |ui| self.results(ui, cx, info, out));
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        if self.real.on_event(event) {
            self.again = true;
        }
        match event {
            Event::Latent(LatentEvent::NearReal { ticket, model, latents, from }) if self.ticket == Some(*ticket) => {
                self.drawn = Some((model.clone(), latents.clone(), from.clone()));
                self.judged.clear();
            }
            Event::Latent(LatentEvent::NearestReal { ticket, nearest, .. }) if self.judging == Some(*ticket) => {
                for (judged, (near, _)) in self.judged.iter_mut().zip(nearest) {
                    judged.1 = Some(near.clone());
                }
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], _info: &ModelInfo, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        self.real.dropped(paths)
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        self.real.picked(picked.purpose, picked.paths)
    }

    fn take_files(&mut self, paths: &[PathBuf]) -> bool {
        self.real.dropped(paths)
    }

    fn export(&self, state: &ExploreState, info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        let latents = self.drawn.as_ref().filter(|d| d.0 == info.model).map(|d| d.1.clone());
        out.export = Some((latents.unwrap_or_else(|| vec![state.here.latent.clone()]), "retrieval", 0, None));
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("Drawn near real pictures".into())
    }

    fn expire(&mut self) {
        self.feed.expire();
        self.real.clear();
        self.drawn = None;
    }
}

impl Retrieval {
    /// What was found, and what is drawn near it.
    fn results(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut PageActions) {
        self.real.strip(ui, cx, info);
        ui.horizontal_wrapped(|ui| {
            self.again |= self.real.strength(ui);
            if theme::button(ui, Some(ICON_CASINO), "Others").on_hover_text("Other seeds").clicked() {
                self.first += COUNT;
                self.again = true;
            }
            let copies = self.judged.iter().filter(|j| j.1.as_ref().is_some_and(|n| n.is_suspect())).count();
            if copies > 0 {
                let text = format!("{copies} of {} nearly are real pictures", self.judged.len());
                theme::toned(ui, Tone::Warn, text).on_hover_text(
                    "Fewer than one in a hundred unseen real pictures come so near to one. Lower the strength",
                );
            }
        });
        if std::mem::take(&mut self.again) {
            let ticket = cx.ids.next();
            self.ticket = Some(ticket);
            let (model, strength) = (info.model.clone(), self.real.grounding.strength);
            let seeds = (1..=COUNT).map(|i| self.first + i).collect();
            cx.send(Command::Latent(LatentCommand::DrawNearReal { ticket, model, strength, seeds }));
        }
        let Some((_, latents, from)) = self.drawn.clone().filter(|d| d.0 == info.model) else { return };
        // Real pictures were found for the model as it draws at truncation 1.
        let wish = ImageBatch { model: info.model.clone(), latents: latents.clone(), truncation: 1.0 };
        self.feed.want(wish.clone(), cx);
        self.judge(cx, info, &wish);
        let found = self.real.found(&info.model).cloned();
        let name = |i: usize| found.as_ref().and_then(|f| f.pictures.get(from[i])).map_or("", |p| p.0.name.as_str());
        let texts: Vec<String> = (0..latents.len())
            .map(|i| {
                let near = self.judged.get(i).and_then(|j| j.1.as_ref()).map(|n| format!("\n{}", n.sentence()));
                format!("Drawn near {}{}", name(i), near.unwrap_or_default())
            })
            .collect();
        let names: Vec<String> = (0..latents.len()).map(|i| format!("Picture {} near {}", i + 1, name(i))).collect();
        let (width, height) = (ui.available_width(), ui.available_height());
        self.grid.size = ((width / 6.0).min(height / 2.0) - 8.0).clamp(48.0, 220.0);
        let ctx = ui.ctx().clone();
        let mut source = Source {
            feed: &self.feed,
            latents: &latents,
            names: &names,
            texts: &texts,
            judged: &self.judged,
            info,
            textures: &mut *cx.textures,
            ctx: &ctx,
        };
        let response = self.grid.show(ui, "Pictures near real ones", &mut source, |_, _| {});
        let opened = response.opened.or(response.previewed).or(response.chosen);
        if let Some(latent) = opened.and_then(|i| latents.get(i)) {
            (out.open, out.whole) = (Some(latent.clone()), true);
        }
    }

    /// Holds the pictures against the real ones once all of them are here.
    fn judge(&mut self, cx: &mut Cx<'_>, info: &ModelInfo, wish: &ImageBatch) {
        let all: Option<Vec<&Arc<Picture>>> = (0..wish.latents.len()).map(|i| self.feed.of(wish, i)).collect();
        let Some(all) = all else { return };
        let now: Vec<usize> = all.iter().map(|p| Arc::as_ptr(p) as usize).collect();
        if self.judged.iter().map(|j| j.0).eq(now.iter().copied()) {
            return;
        }
        let pictures = all.into_iter().map(|p| (**p).clone()).collect();
        self.judged = now.into_iter().map(|at| (at, None)).collect();
        let ticket = cx.ids.next();
        self.judging = Some(ticket);
        cx.send(Command::Latent(LatentCommand::FindNearest { ticket, model: info.model.clone(), pictures }));
    }
}

struct Source<'a> {
    feed: &'a ImageRequests,
    latents: &'a [Latent],
    names: &'a [String],
    texts: &'a [String],
    judged: &'a [(usize, Option<Nearest>)],
    info: &'a ModelInfo,
    textures: &'a mut Textures,
    ctx: &'a Context,
}

impl GridSource for Source<'_> {
    fn len(&self) -> usize {
        self.latents.len()
    }

    fn key(&self, index: usize) -> u64 {
        index as u64
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.names[index])
    }

    fn texture(&mut self, index: usize) -> Option<Tex> {
        self.feed.tex(index, self.textures, self.ctx)
    }

    fn request(&mut self, _missing: &[usize]) {}

    fn mark(&self, index: usize) -> Mark<'_> {
        let near = self.judged.get(index).and_then(|j| j.1.as_ref()).filter(|n| n.is_suspect());
        let corner: &'static str = near.map_or("", |n| n.standing.into());
        Mark { corner: Cow::Borrowed(corner), ..Mark::default() }
    }

    fn cell(&self, index: usize, response: &Response) {
        response.clone().on_hover_text(&self.texts[index]);
        drag_only(response, &self.info.model, &self.latents[index], 1.0, self.feed.picture(index));
    }

    fn draggable(&self) -> bool {
        true
    }
}
