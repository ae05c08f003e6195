//! Feature maps: what each channel of a layer does for the picture, and the picture without some of them.

use std::sync::Arc;

use egui::{Align2, ComboBox, CornerRadius, FontId, Key, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2, vec2};
use egui_material_icons::icons::{ICON_GRAIN, ICON_RESTART_ALT, ICON_SPEED};

use super::super::atlas::close_up;
use super::super::work::{self, Doing};
use super::{InsideDesk, Order, Page};
use crate::base::Picture;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::blend::Dims;
use crate::latent::inside::{Channel, ChannelLook, Inside, Look};
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::format;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::views::explore::desk::Desk;
use crate::ui::views::explore::feed::{Feed, Wish};
use crate::ui::views::explore::{Cx, Out};
use crate::ui::widgets::latent_slot::{Tile, tile};

/// Seconds after which an answer is no longer waited for.
const GIVE_UP: f64 = 15.0;
/// Side of a map, in points.
const SIDE: f32 = 72.0;
/// Room from map to map.
const GAP: f32 = 6.0;
/// Narrower than this the pictures stand above the maps.
const NARROW: f32 = 640.0;
/// Narrower than this the bar is two.
const WIDE: f32 = 800.0;

/// What was looked at.
#[derive(Clone, Debug, PartialEq)]
struct Ask {
    model: ModelRef,
    hash: String,
    latent: Latent,
    truncation: f32,
    look: Look,
}

struct Seen {
    of: Ask,
    inside: Box<Inside>,
    picture: Arc<Picture>,
    maps: Vec<Arc<Picture>>,
    revision: u64,
}

/// Effects of the channels of a layer.
struct Effects {
    model: ModelRef,
    hash: String,
    latent: Latent,
    tap: u32,
    each: Vec<f32>,
}

/// What is known of features.
#[derive(Default)]
pub struct Features {
    feed: Feed,
    seen: Option<Seen>,
    /// What is on the way, since when.
    flight: Option<(u64, Ask, f64)>,
    /// What was never answered.
    failed: Option<Ask>,
    job: Option<(JobId, String, Latent)>,
    effects: Option<Effects>,
    revision: u64,
}

impl Features {
    /// Draws them; what is looked at after that.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        desk: &mut Desk,
        out: &mut Out,
        pages: impl FnOnce(&mut Ui, &mut Out) -> Page,
    ) -> Page {
        let known = self.seen.as_ref().filter(|s| s.of.model == info.model && s.of.hash == info.hash);
        let taps = known.map(|s| s.inside.taps.clone()).unwrap_or_default();
        // Until it is known how many layers there are, the first is looked at.
        let tap = desk.inside.tap.min(taps.len().saturating_sub(1) as u32);
        let here = desk.here.clone();
        let wish = Wish { model: info.model.clone(), latents: vec![here.latent.clone()], truncation: here.truncation };
        self.feed.want(wish, cx);
        let own = &mut desk.inside;
        let wide = ui.available_width() > WIDE;
        let page = theme::toolbar(ui, |ui| {
            let page = pages(ui, out);
            if layers(ui, &mut own.tap, tap, &taps) {
                out.label = Some("look at another layer");
            }
            if wide {
                self.channels(ui, cx, info, own, (&here.latent, here.truncation, tap), out);
            }
            page
        });
        if !wide {
            close_up(ui);
            let of = (&here.latent, here.truncation, tap);
            theme::toolbar(ui, |ui| self.channels(ui, cx, info, own, of, out));
        }
        // A model without noise has none to leave out.
        let noiseless = own.without_noise && Dims::of(info).layers > 0;
        let look = Look { tap, off: own.off(&info.model).to_vec(), without_noise: noiseless };
        let (latent, truncation) = (here.latent, here.truncation);
        let ask = Ask { model: info.model.clone(), hash: info.hash.clone(), latent, truncation, look };
        self.want(ask.clone(), cx);
        let fits = self.seen.as_ref().is_some_and(|s| s.of.model == ask.model && s.of.hash == ask.hash);
        if !fits {
            self.nothing(ui, &ask);
            return page;
        }
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let beside = room.width() > NARROW;
        let (pictures, maps) = if beside {
            room.split_left_right_at_x(room.left() + 2.0 * 148.0 + size::M)
        } else {
            room.split_top_bottom_at_y(room.top() + 190.0)
        };
        let gap = if beside { vec2(size::L, 0.0) } else { vec2(0.0, size::S) };
        ui.scope_builder(UiBuilder::new().max_rect(pictures), |ui| self.pictures(ui, cx, desk, out));
        let maps = Rect::from_min_max(maps.min + gap, maps.max);
        ui.scope_builder(UiBuilder::new().max_rect(maps), |ui| self.maps(ui, cx, desk, tap, out));
        page
    }

    /// How channels are shown, and what is measured of them.
    fn channels(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        own: &mut InsideDesk,
        (latent, truncation, tap): (&Latent, f32, u32),
        out: &mut Out,
    ) {
        let orders = [(Order::Number, "Number"), (Order::Strength, "Strength"), (Order::Effect, "Effect")];
        if theme::segmented(ui, "Order", &mut own.order, &orders) {
            out.label = Some("order channels");
        }
        if Dims::of(info).layers > 0 {
            let mut noise = !own.without_noise;
            if theme::icon_toggle(ui, ICON_GRAIN, "Noise", &mut noise).clicked() {
                own.without_noise = !noise;
                out.label = Some("switch the noise");
            }
        }
        self.measure(ui, cx, info, (latent, truncation), tap);
    }

    /// Asks for a look unless it is here or on the way.
    fn want(&mut self, ask: Ask, cx: &mut Cx<'_>) {
        if let Some((_, late, _)) = self.flight.take_if(|f| cx.time - f.2 >= GIVE_UP) {
            self.failed = Some(late);
        }
        let here = self.seen.as_ref().is_some_and(|s| s.of == ask);
        if here || self.flight.is_some() || self.failed.as_ref() == Some(&ask) {
            return;
        }
        let ticket = cx.ids.next();
        let (model, latent, look) = (ask.model.clone(), ask.latent.clone(), ask.look.clone());
        let truncation = ask.truncation;
        cx.send(Command::Latent(LatentCommand::Inside { ticket, model, latent, truncation, look }));
        self.flight = Some((ticket, ask, cx.time));
    }

    /// While no look has come: the shape of what comes, or that none came.
    fn nothing(&mut self, ui: &mut Ui, ask: &Ask) {
        if self.failed.as_ref() == Some(ask) {
            let mut again = false;
            theme::page(ui, "no features", |ui| {
                theme::toned(ui, Tone::Warn, "The features of this model could not be looked at");
                again = theme::primary_button(ui, None, "Try again").clicked();
            });
            if again {
                self.failed = None;
            }
            return;
        }
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let t = theme::tokens(ui);
        let columns = (room.width() / (SIDE + GAP)).floor().max(1.0) as usize;
        for i in 0..columns * 3 {
            let at = room.min + vec2((i % columns) as f32, (i / columns) as f32) * (SIDE + GAP);
            ui.painter().rect_filled(Rect::from_min_size(at, Vec2::splat(SIDE)), 2.0, t.raised);
        }
    }

    fn measure(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, of: (&Latent, f32), tap: u32) {
        let job = self.job.as_ref().map(|j| j.0);
        if work::shown(ui, cx, job, 120.0, "Measuring effects", "Cancel") != Doing::Nothing {
            return;
        }
        let help = "Switches off one channel of this layer after the other, and measures how much the picture changes";
        if theme::button(ui, Some(ICON_SPEED), "Measure effects").on_hover_text(help).clicked() {
            let job = cx.new_job();
            let (model, latent, truncation) = (info.model.clone(), of.0.clone(), of.1);
            self.job = Some((job, info.hash.clone(), latent.clone()));
            cx.send(Command::Latent(LatentCommand::ChannelEffects { job, model, latent, truncation, tap }));
        }
    }

    /// The effects of a layer's channels, and whether they are of where one stands.
    fn effects(&self, ask: &Ask, tap: u32) -> Option<(&[f32], bool)> {
        let known = self.effects.as_ref()?;
        let same = known.model == ask.model && known.hash == ask.hash && known.tap == tap;
        same.then_some((&known.each[..], known.latent == ask.latent))
    }

    /// Before and after, and what is switched off.
    fn pictures(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, desk: &mut Desk, out: &mut Out) {
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
        let (off, own) = (seen.of.look.off.clone(), &mut desk.inside);
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

    /// The maps of a layer.
    fn maps(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, desk: &mut Desk, tap: u32, out: &mut Out) {
        let Some(seen) = self.seen.as_ref() else { return };
        if seen.of.look.tap != tap {
            // Maps of another layer would be taken for this one's.
            theme::weak(ui, "Looking at the layer…");
            return;
        }
        let channels = &seen.inside.channels;
        let effects = self.effects(&seen.of, tap);
        let order = order(channels, effects.map(|e| e.0), desk.inside.order);
        if desk.inside.order == Order::Effect {
            match effects {
                None => {
                    theme::weak(ui, "Measure effects first; until then channels are in their own order");
                }
                Some((_, false)) => {
                    theme::weak(ui, "These effects were measured where you stood before");
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
                    let off = desk.inside.off(&seen.of.model).contains(&channel);
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
                        out.label = Some(desk.inside.switch(&seen.of.model, channel));
                    }
                    response.on_hover_text(tell(c, &channels[c], effect, off));
                }
            }
        });
    }

    /// Takes what comes from the engine.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        match event {
            Event::Latent(LatentEvent::Inside { ticket, inside, .. }) => {
                let Some((_, of, _)) = self.flight.take_if(|f| f.0 == *ticket) else { return };
                self.revision += 1;
                self.failed = None;
                self.seen = Some(Seen {
                    of,
                    picture: Arc::new(inside.picture.clone()),
                    maps: inside.channels.iter().map(|c| Arc::new(c.map.clone())).collect(),
                    inside: inside.clone(),
                    revision: self.revision,
                });
            }
            Event::Latent(LatentEvent::ChannelEffects { job, model, tap, effects }) => {
                let Some((_, hash, latent)) = self.job.take_if(|j| j.0 == *job) else { return };
                self.effects = Some(Effects { model: model.clone(), hash, latent, tap: *tap, each: effects.clone() });
            }
            _ => {}
        }
    }

    /// The model has other weights now.
    pub fn expire(&mut self) {
        self.feed.expire();
        (self.flight, self.failed) = (None, None);
    }
}

/// Channels in an order; without effects that by effect is by number.
fn order(channels: &[ChannelLook], effects: Option<&[f32]>, order: Order) -> Vec<usize> {
    let mut all: Vec<usize> = (0..channels.len()).collect();
    let loud = |c: &usize| channels[*c].mean.hypot(channels[*c].deviation);
    match (order, effects) {
        (Order::Strength, _) => all.sort_by(|a, b| loud(b).total_cmp(&loud(a))),
        (Order::Effect, Some(effects)) => {
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

/// The choice of a layer. True when it changed.
fn layers(ui: &mut Ui, own: &mut u32, tap: u32, taps: &[[u32; 2]]) -> bool {
    let name = |i: usize| {
        let [channels, side] = taps[i];
        format!("Layer {} · {side} × {side}, {channels} channels", i + 1)
    };
    let title = if taps.is_empty() { "Layer 1".into() } else { name(tap as usize) };
    let before = *own;
    let combo = ComboBox::from_id_salt("layer").selected_text(title).width(190.0).show_ui(ui, |ui| {
        for i in 0..taps.len() {
            ui.selectable_value(own, i as u32, name(i));
        }
    });
    combo.response.accessible_name("Layer");
    *own != before
}

#[cfg(test)]
impl Features {
    /// Before and after.
    pub fn pictures_of(&self) -> (Option<&Arc<Picture>>, Option<&Arc<Picture>>) {
        (self.feed.picture(0), self.seen.as_ref().map(|s| &s.picture))
    }

    /// As if the last look had never been answered.
    pub fn lose(&mut self) {
        let Some(seen) = self.seen.take() else { return };
        self.flight = Some((u64::MAX, seen.of, -GIVE_UP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(order(&all, Some(&effects), Order::Number), [0, 1, 2]);
        assert_eq!(order(&all, None, Order::Strength), [1, 2, 0]);
        assert_eq!(order(&all, Some(&effects), Order::Effect), [2, 0, 1]);
        assert_eq!(order(&all, None, Order::Effect), [0, 1, 2]);
        let told = tell(1, &all[1], Some(0.034), true);
        assert!(told.contains("switched off") && told.contains("Mean −3.00") && told.contains("3.4 %"), "{told}");
    }
}
