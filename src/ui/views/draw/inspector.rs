//! How tokens are chosen, and the one that is looked at.

use egui::{Label, RichText, Sense, Slider, Ui, Vec2};
use egui_material_icons::icons::ICON_RESTART_ALT;

use super::DrawView;
use crate::latent::draw::Choosing;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::views::{Cx, ViewId};

impl DrawView {
    /// The settings of a draw.
    pub(super) fn settings(&mut self, ui: &mut Ui, _: &mut Cx<'_>) {
        theme::section(ui, "How tokens are chosen");
        let choosing = &mut self.choosing;
        let sliders: [(&str, &str, &mut f32, f32, f32); 3] = [
            (
                "Temperature",
                "Below 1 likelier tokens are taken more often, above 1 less often; 0 always takes the likeliest",
                &mut choosing.temperature,
                0.0,
                2.0,
            ),
            (
                "Top-p",
                "Only the likeliest tokens that together have this share are taken",
                &mut choosing.top_p,
                0.0,
                1.0,
            ),
            (
                "Guidance",
                "How much more the prompt counts than what is drawn unasked; 1 is as it was learned",
                &mut choosing.guidance,
                0.0,
                5.0,
            ),
        ];
        for (name, help, value, least, most) in sliders {
            ui.add(Slider::new(value, least..=most).text(name).max_decimals(2)).on_hover_text(help);
        }
        ui.add(Slider::new(&mut choosing.top_k, 0..=256).text("Top-k"))
            .on_hover_text("Only so many of the likeliest tokens are taken; 0 for all");
        ui.add(Slider::new(&mut self.pause, 0..=500).text("Pause").suffix(" ms"))
            .on_hover_text("Between two tokens, so that you can watch");
        if self.choosing != Choosing::default() && theme::quiet_button(ui, Some(ICON_RESTART_ALT), "Reset").clicked() {
            self.choosing = Choosing::default();
        }
    }

    /// Real pictures that are drawn from as well, and the one that the drawing came nearest to.
    pub(super) fn real_pictures(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = self.prior(cx).cloned() else { return };
        ui.add_space(size::M);
        theme::section(ui, "Real pictures");
        let prompt = self.prompt.clone();
        self.real.search(ui, cx, ViewId::Draw, &info, "the prompt", &prompt);
        let Some(found) = self.real.found(&info.model) else {
            let text = "Find real pictures that fit, and draw from their tokens too";
            ui.add(Label::new(RichText::new(text).color(theme::tokens(ui).weak)).wrap());
            return;
        };
        let words = found.words.clone();
        if self.real.strength(ui) {
            self.draw(cx, Vec::new());
        }
        self.real.count(ui);
        self.real.strip(ui, cx, &info);
        if self.prompt.trim().is_empty() && !words.is_empty() {
            theme::weak(ui, format!("Asked for in their words: {words}"));
        }
        if let Some((near, picture)) = &self.nearest {
            let tex = cx.textures.get(&ui.ctx().clone(), key("nearest real picture"), self.revision, picture);
            textures::picture(ui, &tex, Vec2::splat(72.0), Sense::hover(), "Nearest real picture");
            let tone = if near.is_suspect() { Tone::Warn } else { Tone::Quiet };
            let text = RichText::new(near.sentence()).color(tone.colour(theme::tokens(ui)));
            ui.add(Label::new(text).wrap());
        }
        if theme::quiet_button(ui, None, "Draw without them").clicked() {
            self.real.clear();
            self.nearest = None;
            self.draw(cx, Vec::new());
        }
    }

    /// The token that is looked at: how likely it was, and what else could be there.
    pub(super) fn token(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        ui.add_space(size::M);
        theme::section(ui, "Token");
        let Some((place, token)) = self.selected.and_then(|place| Some((place, self.tokens.get(place)?.clone())))
        else {
            let text = "Click a part of the picture: how likely its token was, and which others could stand there";
            ui.add(Label::new(RichText::new(text).color(theme::tokens(ui).weak)).wrap());
            return;
        };
        let columns = self.grid[1].max(1);
        let told = format!("Row {}, column {}: token {}", place / columns + 1, place % columns + 1, token.id);
        ui.label(told);
        ui.label(format!("{:.1} % likely", token.probability * 100.0));
        theme::weak(ui, "Choose another, and the rest is drawn anew:");
        let mut chosen = None;
        for (id, share) in token.likeliest.iter().filter(|(id, _)| *id != token.id) {
            let text = format!("Token {id} · {:.1} %", share * 100.0);
            if theme::button(ui, None, &text).clicked() {
                chosen = Some(*id);
            }
        }
        if let Some(id) = chosen {
            self.draw_from(cx, place, id);
        }
    }
}
