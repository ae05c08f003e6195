//! The channels of a layer as maps: what each shows, and whether it is on.

use egui::{Align2, CornerRadius, FontId, Rect, ScrollArea, Sense, Ui, Vec2, vec2};

use crate::latent::activations::{Channel, ChannelLook};
use crate::ui::textures::key;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::activations::{Activations, GAP, SIDE};
use crate::ui::views::explore::tabs::inside_state::ChannelOrder;
use crate::ui::widgets::latent_slot::{Tile, tile};

impl Activations {
    /// The maps of a layer.
    pub(super) fn maps(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        state: &mut ExploreState,
        tap: u32,
        out: &mut PageActions,
    ) {
        let Some(seen) = self.seen.as_ref() else { return };
        if seen.of.look.tap != tap {
            // Maps of another layer would be taken for this one's.
            theme::weak(ui, "Looking at the layer…");
            return;
        }
        let channels = &seen.inside.channels;
        let effects = self.effects(&seen.of, tap);
        let order = order(channels, effects.map(|e| e.0), state.inside.order);
        if state.inside.order == ChannelOrder::Effect {
            match effects {
                None => {
                    theme::weak(ui, "Measure effects first; until then channels are in their own order");
                }
                Some((_, false)) => {
                    theme::weak(ui, "These effects are of another picture");
                }
                Some((_, true)) => {}
            }
        }
        let most = effects.map_or(0.0, |e| e.0.iter().copied().fold(0.0, f32::max));
        // A layer without width has no maps; then each channel is as bright as it is loud among the others.
        let flat = channels.first().is_some_and(|c| c.map.width <= 1);
        let (low, high) =
            channels.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |r, c| (r.0.min(c.mean), r.1.max(c.mean)));
        let columns = (((ui.available_width() + GAP) / (SIDE + GAP)).floor() as usize).max(1);
        let ctx = ui.ctx().clone();
        let rows = order.len().div_ceil(columns);
        ui.spacing_mut().item_spacing = Vec2::splat(GAP);
        let area = ScrollArea::vertical().id_salt("maps").auto_shrink(false);
        area.show_rows(ui, SIDE, rows, |ui, visible| {
            for row in visible {
                let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), SIDE), Sense::hover());
                for (column, &c) in order.iter().skip(row * columns).take(columns).enumerate() {
                    let at = line.min + vec2(column as f32 * (SIDE + GAP), 0.0);
                    let rect = Rect::from_min_size(at, Vec2::splat(SIDE));
                    let channel = Channel { tap, channel: c as u32 };
                    let off = state.inside.off(&seen.of.model).contains(&channel);
                    let tex = cx.textures.get(&ctx, key(("inside", c)), seen.revision, &seen.maps[c]);
                    let name = format!("Channel {c}");
                    let look = Tile { tex: (!flat).then_some(&tex), name: &name, selected: off, focusable: true };
                    let response = tile(ui, ui.make_persistent_id(("channel", tap, c)), rect, &look);
                    if flat {
                        let share = (channels[c].mean - low) / (high - low).max(1e-9);
                        let grey = egui::Color32::from_gray((share * 255.0) as u8);
                        ui.painter().rect_filled(rect.shrink(2.0), CornerRadius::same(2), grey);
                    }
                    let effect = effects.and_then(|e| e.0.get(c).copied());
                    marks(ui, rect, off, effect.map(|e| e / most.max(1e-9)));
                    if response.clicked() {
                        out.label = Some(state.inside.switch(&seen.of.model, channel));
                    }
                    response.on_hover_text(tell(c, &channels[c], effect, off));
                }
            }
        });
    }
}

/// Channels in an order; without effects that by effect is by number.
fn order(channels: &[ChannelLook], effects: Option<&[f32]>, order: ChannelOrder) -> Vec<usize> {
    let mut all: Vec<usize> = (0..channels.len()).collect();
    let loud = |c: &usize| channels[*c].mean.hypot(channels[*c].deviation);
    match (order, effects) {
        (ChannelOrder::Strength, _) => all.sort_by(|a, b| loud(b).total_cmp(&loud(a))),
        (ChannelOrder::Effect, Some(effects)) => {
            let of = |c: &usize| effects.get(*c).copied().unwrap_or(0.0);
            all.sort_by(|a, b| of(b).total_cmp(&of(a)));
        }
        _ => {}
    }
    all
}

/// What is known of a channel.
fn tell(channel: usize, look: &ChannelLook, effect: Option<f32>, off: bool) -> String {
    let n = |v: f32| format!("{v:.2}").replace('-', "−");
    let mut lines = vec![
        format!("Channel {channel}{}", if off { ", switched off" } else { "" }),
        format!("Mean {}, deviation {}", n(look.mean), n(look.deviation)),
        format!("From {} to {}", n(look.range[0]), n(look.range[1])),
        format!("{:.0} % at or below zero", look.silent * 100.0),
    ];
    if let Some(effect) = effect {
        lines.push(format!("Without it the picture changes by {:.1} %", effect * 100.0));
    }
    lines.join("\n")
}

/// That a channel is off, and its effect as a bar.
fn marks(ui: &Ui, rect: Rect, off: bool, effect: Option<f32>) {
    let t = theme::tokens(ui);
    if off {
        ui.painter().rect_filled(rect, CornerRadius::same(2), t.canvas.gamma_multiply(0.8));
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, "off", FontId::proportional(size::BODY), t.text);
    }
    if let Some(effect) = effect {
        let bar =
            Rect::from_min_size(rect.left_bottom() - vec2(0.0, 4.0), vec2(rect.width() * effect.clamp(0.0, 1.0), 4.0));
        ui.painter().rect_filled(bar, 0.0, t.accent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Picture;

    #[test]
    fn channels_are_ordered_as_asked() {
        let look = |mean: f32, deviation: f32| ChannelLook {
            mean,
            deviation,
            range: [-1.0, 1.0],
            silent: 0.5,
            map: Picture::filled(1, 1, [0; 4]),
        };
        let all = [look(0.1, 0.1), look(-3.0, 0.0), look(0.0, 1.0)];
        let effects = [0.2, 0.0, 0.5];
        assert_eq!(order(&all, Some(&effects), ChannelOrder::Number), [0, 1, 2]);
        assert_eq!(order(&all, None, ChannelOrder::Strength), [1, 2, 0]);
        assert_eq!(order(&all, Some(&effects), ChannelOrder::Effect), [2, 0, 1]);
        assert_eq!(order(&all, None, ChannelOrder::Effect), [0, 1, 2]);
        let told = tell(1, &all[1], Some(0.034), true);
        assert!(told.contains("switched off") && told.contains("Mean −3.00") && told.contains("3.4 %"), "{told}");
    }
}
