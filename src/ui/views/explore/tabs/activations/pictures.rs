//! The picture before and after, and what is switched off.

use egui::{Key, Sense, Ui, Vec2};
use egui_material_icons::icons::ICON_RESTART_ALT;

use crate::ui::format;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::activations::Activations;

impl Activations {
    /// Before and after, and what is switched off.
    pub(super) fn pictures(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, state: &mut ExploreState, out: &mut PageActions) {
        let Some(seen) = &self.seen else { return };
        let ctx = ui.ctx().clone();
        let before = self.feed.tex(0, cx.textures, &ctx);
        let after = cx.textures.get(&ctx, key("inside after"), seen.revision, &seen.picture);
        let held = ui.input(|i| i.key_down(Key::B)) && cx.keys_free;
        let side = 144.0;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = size::S;
            for (title, tex) in [("Before", before.as_ref()), ("After", Some(&after))] {
                let (title, tex) = if held { ("Before", before.as_ref()) } else { (title, tex) };
                ui.vertical(|ui| {
                    match tex {
                        Some(tex) => {
                            textures::picture(ui, tex, Vec2::splat(side), Sense::hover(), title);
                        }
                        None => {
                            theme::skeleton(ui, Vec2::splat(side));
                        }
                    }
                    theme::weak(ui, title);
                });
            }
        });
        let (off, own) = (seen.of.look.off.clone(), &mut state.inside);
        if off.is_empty() && !seen.of.look.without_noise {
            theme::weak(ui, "Click a channel to switch it off");
            return;
        }
        theme::weak(ui, "Hold B to see the picture before");
        if !off.is_empty() {
            let n = format::plural(off.len() as u64, "channel is", "channels are");
            theme::toned(ui, Tone::Warn, format!("{n} switched off"));
            let mut taps: Vec<u32> = off.iter().map(|c| c.tap).collect();
            taps.sort_unstable();
            taps.dedup();
            for tap in taps {
                let mut of: Vec<u32> = off.iter().filter(|c| c.tap == tap).map(|c| c.channel).collect();
                of.sort_unstable();
                let more = of.len().saturating_sub(12);
                let mut text: Vec<String> = of.iter().take(12).map(u32::to_string).collect();
                if more > 0 {
                    text.push(format!("{more} more"));
                }
                ui.scope(|ui| {
                    ui.set_max_width(2.0 * side + size::S);
                    let t = theme::tokens(ui);
                    let text = egui::RichText::new(format!("Layer {}: {}", tap + 1, text.join(", ")));
                    ui.add(egui::Label::new(text.size(size::SMALL).color(t.weak)).wrap());
                });
            }
            if theme::button(ui, Some(ICON_RESTART_ALT), "Switch all on").clicked() {
                own.off.clear();
                out.label = Some("switch channels on");
            }
        }
    }
}
