//! One picture before and after preparation, and as training shows it; follows the pointer and the recipe.

use std::time::{Duration, Instant};

use egui::{Sense, Ui, vec2};

use crate::base::Picture;
use crate::engine::{Command, Event};
use crate::recipe::{DataRecipe, ObjectiveRecipe};
use crate::ui::textures::{self, Textures, key};
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a preview shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// As it lies in the source.
    Before,
    /// As it is prepared.
    After,
    /// As training shows it, one of several times.
    Trained(usize),
}

/// What decides how a picture looks in training.
type Request = (String, DataRecipe, ObjectiveRecipe);

/// One picture of a source, prepared by a recipe.
#[derive(Debug)]
pub struct Preview {
    /// Tells the textures of one preview from those of another.
    salt: &'static str,
    /// Name of the picture to show.
    wanted: Option<String>,
    /// What was asked and is not answered, with its ticket.
    asked: Option<(u64, Request)>,
    asked_at: Option<Instant>,
    shown: Option<Request>,
    arrived: Option<(Picture, Picture, Vec<Picture>)>,
    trained: usize,
    revision: u64,
}

impl Preview {
    /// A preview with nothing in it.
    pub fn new(salt: &'static str) -> Self {
        let (wanted, asked, asked_at, shown, arrived) = (None, None, None, None, None);
        Self { salt, wanted, asked, asked_at, shown, arrived, trained: 0, revision: 0 }
    }

    /// Forgets everything: another source.
    pub fn clear(&mut self) {
        *self = Self { revision: self.revision, ..Self::new(self.salt) };
    }

    /// Asks again for what is shown: the files may have changed.
    pub fn renew(&mut self) {
        (self.asked, self.shown) = (None, None);
    }

    /// The picture to show, by its name in the source.
    pub fn want(&mut self, name: Option<&str>) {
        if name.is_some() && name != self.wanted.as_deref() {
            self.wanted = name.map(str::to_owned);
        }
    }

    /// Name of the picture that is shown.
    pub fn name(&self) -> Option<&str> {
        self.shown.as_ref().map(|s| s.0.as_str())
    }

    /// Takes in an answer.
    pub fn receive(&mut self, event: &Event) {
        if let Event::PreparationPreview { ticket, before, after, augmented, .. } = event
            && self.asked.as_ref().is_some_and(|(asked, _)| asked == ticket)
        {
            self.shown = self.asked.take().map(|(_, wish)| wish);
            self.arrived = Some((before.clone(), after.clone(), augmented.clone()));
        }
    }

    /// Uploads what arrived.
    pub fn upload(&mut self, ctx: &egui::Context, textures: &mut Textures) {
        if let Some((before, after, trained)) = self.arrived.take() {
            self.revision += 1;
            self.trained = trained.len();
            let trained = trained.iter().enumerate().map(|(i, picture)| (Which::Trained(i), picture));
            for (which, picture) in [(Which::Before, &before), (Which::After, &after)].into_iter().chain(trained) {
                textures.upload(ctx, key((self.salt, which)), self.revision, picture);
            }
        }
    }

    /// Asks for what is wanted if nothing else is on its way: at most one at a time, the newest wish next.
    pub fn ask(&mut self, data: &DataRecipe, objective: &ObjectiveRecipe, cx: &mut Cx<'_>) {
        if self.shown.is_some() && self.arrived.is_none() && !cx.textures.has(key((self.salt, Which::After))) {
            // Its texture was dropped meanwhile.
            self.renew();
        }
        let Some(name) = self.wanted.clone() else { return };
        // A picture that cannot be prepared is never answered: after a while the next wish counts.
        if self.asked.is_some() && self.asked_at.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        // Names of pictures that are left out change nothing here.
        let wish = (name, DataRecipe { exclude: Vec::new(), ..data.clone() }, objective.clone());
        if self.shown.as_ref() == Some(&wish) || self.asked.as_ref().is_some_and(|(_, asked)| *asked == wish) {
            return;
        }
        let ticket = cx.ids.next();
        let (name, data, objective) = wish.clone();
        cx.send(Command::PreviewPreparation { ticket, data, name, objective: Box::new(objective) });
        self.asked_at = Some(Instant::now());
        self.asked = Some((ticket, wish));
    }

    /// Draws one of its pictures in a square.
    pub fn show(&self, ui: &mut Ui, cx: &mut Cx<'_>, which: Which, side: f32, name: &str) {
        let t = theme::tokens(ui);
        let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
        ui.painter().rect_filled(rect, f32::from(size::RADIUS), t.canvas);
        let there = match which {
            Which::Trained(i) => i < self.trained,
            _ => self.shown.is_some(),
        };
        if let Some(tex) = cx.textures.peek(key((self.salt, which))).filter(|_| there) {
            let fitted = egui::Rect::from_center_size(rect.center(), tex.fit(rect.size()));
            textures::paint(ui.painter(), fitted, &tex, t);
        }
        theme::name(&response, egui::Role::Image, name);
        response.on_hover_text(name);
    }
}
