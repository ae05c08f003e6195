//! What is done with the selected pictures.

use super::{Cx, Deed, GalleryView, Overlay, model_of, source};
use crate::base::{Problem, Resolution};
use crate::engine::{Command, Item, ItemFilter};
use crate::latent::film::curve::{Curve, Easing};
use crate::latent::film::{Key as FilmKey, Timeline};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::views::ViewId;
use crate::ui::widgets::export_dialog::Subject;

/// Seconds of a film from one picture to the next.
const STRETCH: f64 = 1.5;

impl GalleryView {
    pub(super) fn act(&mut self, deed: Deed, cx: &mut Cx<'_>) {
        let items = self.items.clone();
        let chosen = self.selected(&items);
        if let Deed::EmptyTrash = deed {
            self.confirm_empty = true;
            return;
        }
        if let Deed::ClearCopies = deed {
            return self.clear_copies(cx);
        }
        let Some(first) = chosen.first().copied() else { return };
        let ids: Vec<i64> = chosen.iter().map(|i| i.id).collect();
        match deed {
            Deed::Rate(rating) => cx.send(Command::RateItems { ids, rating }),
            Deed::Star(starred) => cx.send(Command::StarItems { ids, starred }),
            Deed::Tag(tag, add) => cx.send(Command::TagItems { ids, tag, add }),
            Deed::Trash(trashed) => cx.send(Command::TrashItems { ids, trashed }),
            Deed::Export => {
                let settings = &cx.studio.settings.export;
                self.export.begin(
                    Subject::Items(ids),
                    &first.model,
                    Resolution::new(first.width, first.height),
                    None,
                    settings,
                );
            }
            Deed::Film => self.film(&chosen, cx),
            Deed::StandHere => self.stand(first, cx),
            Deed::Compare => {
                if let [a, b, ..] = ids[..] {
                    self.overlay = Some(Overlay::Two(a, b));
                }
            }
            Deed::Copy => {
                if let Some(picture) = self.large(first.id, cx).or_else(|| self.thumbs.get(first.id).cloned()) {
                    cx.push(Action::CopyPicture(picture));
                }
            }
            Deed::Preview => self.overlay = Some(Overlay::One(first.id)),
            Deed::Alike => self.relatives(first, true, cx),
            Deed::Family => self.relatives(first, false, cx),
            Deed::Like(more) => self.like(&ids, more, cx),
            Deed::Origin => {
                self.origin.begin(format!("item:{}", first.id), cx);
                self.overlay = Some(Overlay::Origin);
            }
            Deed::EmptyTrash | Deed::ClearCopies => {}
        }
    }

    /// Exports a loop that goes from each picture to the next.
    fn film(&mut self, chosen: &[&Item], cx: &mut Cx<'_>) {
        let models: Vec<Option<String>> = chosen.iter().map(|item| model_of(cx.studio, item)).collect();
        let first = models.first().cloned().flatten();
        let (Some(model), true) = (first.clone(), models.iter().all(|m| *m == first)) else {
            let why = Problem::usage("A film needs pictures of one model, and that model")
                .try_this("Select pictures that were made by the same model, and import it if it is missing");
            return cx.say(why.info());
        };
        let recipes: Vec<_> = chosen.iter().filter_map(|item| item.recipe.as_ref()).collect();
        let keys = recipes.iter().enumerate().map(|(i, recipe)| FilmKey {
            time: i as f64 * STRETCH,
            latent: recipe.latent.clone(),
            easing: Easing::Smooth,
            way: None,
        });
        let truncation = recipes.first().map(|r| Curve::of(&[(0.0, f64::from(r.truncation))]));
        let timeline = Timeline {
            model: model.clone(),
            keys: keys.collect(),
            seconds: recipes.len() as f64 * STRETCH,
            looped: true,
            truncation,
            ..Timeline::default()
        };
        let (name, pixels) = (&chosen[0].model, Resolution::new(chosen[0].width, chosen[0].height));
        let subject = Subject::Film { model, timeline: Box::new(timeline) };
        self.export.begin(subject, name, pixels, Some("mp4"), &cx.studio.settings.export);
    }

    /// Shows what looks like a picture, or what its model's family made; everything else of the filter is taken off.
    fn relatives(&mut self, item: &Item, alike: bool, cx: &mut Cx<'_>) {
        let id = Some(item.id);
        let (alike, family) = if alike { (id, None) } else { (None, id) };
        self.filter = ItemFilter { alike, family, sort: self.filter.sort, ..ItemFilter::default() };
        self.relative_of = source::name(item);
        self.overlay = None;
        self.go_to = id;
        if self.find.is_on() {
            self.end_search(cx);
        }
    }

    /// Goes to Explore, to where a picture was made.
    fn stand(&self, item: &Item, cx: &mut Cx<'_>) {
        let Some(recipe) = &item.recipe else { return };
        match model_of(cx.studio, item) {
            Some(model) => cx.push(Action::open(model, recipe.latent.clone(), recipe.truncation, "From Gallery")),
            None => {
                let (path, recipe) = (item.path.clone(), Box::new(recipe.clone()));
                cx.push(Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Generated { path, recipe })));
            }
        }
    }
}
