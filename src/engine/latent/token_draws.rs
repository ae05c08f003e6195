//! Drawing token by token, on a lane with a prior of its own: each token is told as it is drawn.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::drags::Sessions;
use crate::base::{Picture, Result};
use crate::engine::jobs::Context;
use crate::engine::jobs::gallery::Gallery;
use crate::engine::worker::Lane;
use crate::engine::{Event, LatentEvent, RecordsEvent};
use crate::latent::draw::{DrawRequest, Drawer};
use crate::library::records::threads::NewPrompt;
use crate::models::info::ModelInfo;

/// The prior that was drawn with last.
#[derive(Default)]
pub struct Kept(Option<(String, Option<String>, Drawer)>);

impl Kept {
    /// A prior as it is on disk now.
    ///
    /// # Errors
    /// There is no such prior, or its token model is missing.
    pub(super) fn get(&mut self, cx: &Context, model: &str) -> Result<&Drawer> {
        let device = cx.backend.device();
        let stamp = cx.backend.stamp(model).map(|stamp| format!("{device} {stamp}"));
        let kept = match self.0.take().filter(|kept| kept.0 == model && kept.1 == stamp && stamp.is_some()) {
            Some(kept) => kept,
            None => (model.to_string(), stamp, Drawer::open(model, &cx.paths, &device)?),
        };
        Ok(&self.0.insert(kept).2)
    }
}

/// What is drawn.
pub struct Order {
    /// Session.
    pub session: u64,
    /// Its number there.
    pub number: u64,
    /// The prior.
    pub model: String,
    /// What is asked for.
    pub request: DrawRequest,
    /// Milliseconds between two tokens, at least.
    pub pause: u32,
    /// The prompt that this one goes on from.
    pub after: Option<i64>,
}

/// Draws a picture until it is done or something else is drawn in its session; what was asked is noted in the library
/// once it is done. → `TokenDrawn` each, `TokensDrawn`
///
/// # Errors
/// The prior cannot be opened, or tokens cannot be chosen so; the session is told that nothing comes.
pub fn draw(
    cx: &Context,
    kept: &mut Kept,
    sessions: &Sessions,
    library: &Arc<Lane<Gallery>>,
    order: Order,
) -> Result<()> {
    let Order { session, number, model, request, pause, after } = order;
    let result = match drawn(cx, kept, (sessions, session, number), &model, &request, pause) {
        Ok(done) => {
            if let Some(prompt) = done {
                let (cx, prompt) = (cx.clone(), NewPrompt { after, ..prompt });
                library.push(None, move |gallery| {
                    let prompt = gallery.note_prompt(&prompt)?;
                    cx.tell(Event::Records(Box::new(RecordsEvent::PromptNoted { session, prompt })));
                    Ok(())
                });
            }
            Ok(())
        }
        Err(problem) => Err(problem),
    };
    if result.is_err() && sessions.is_on(session, number) {
        cx.tell(Event::Latent(LatentEvent::TokensDrawn { session, model, picture: None }));
    }
    result
}

fn drawn(
    cx: &Context,
    kept: &mut Kept,
    (sessions, session, number): (&Sessions, u64, u64),
    model: &str,
    request: &DrawRequest,
    pause: u32,
) -> Result<Option<NewPrompt>> {
    if !sessions.is_on(session, number) {
        return Ok(None);
    }
    let drawer = kept.get(cx, model)?;
    let grid = drawer.grid();
    let mut ids: Vec<u32> = Vec::new();
    let given = request.given.len();
    let drawn = drawer.draw(request, &mut |place, token| {
        ids.push(token.id);
        // Tokens that were there before come at once.
        let picture = (place + 1 >= given).then(|| hidden_after(drawer.picture(&ids), grid, place));
        let (token, model) = (token.clone(), model.to_string());
        cx.tell(Event::Latent(LatentEvent::TokenDrawn { session, model, grid, place, token, picture }));
        if place >= given && pause > 0 {
            std::thread::sleep(Duration::from_millis(u64::from(pause.min(1000))));
        }
        sessions.is_on(session, number) && !cx.outbox.is_closed()
    })?;
    if sessions.is_on(session, number) && ids.len() == grid[0] * grid[1] {
        let picture = Some(drawn.picture);
        cx.tell(Event::Latent(LatentEvent::TokensDrawn { session, model: model.into(), picture }));
        return Ok(Some(prompt_of(drawer.info(), request)));
    }
    Ok(None)
}

/// What is noted of a drawing that is done: `given` tokens were there before.
fn prompt_of(info: &ModelInfo, request: &DrawRequest) -> NewPrompt {
    let class = request.class.and_then(|c| info.recipe.model.classes.get(c as usize).cloned());
    let mut settings = json!({ "choosing": request.choosing, "seed": request.seed, "count": 1 });
    if !request.given.is_empty() {
        settings["given"] = json!(request.given.len());
    }
    if let Some(real) = &request.retrieved {
        settings["strength"] = json!(real.strength);
    }
    let text = class.unwrap_or_else(|| request.prompt.clone());
    NewPrompt { text, model: info.hash.clone(), settings, after: None }
}

/// The picture with what was not drawn yet left transparent: all after a place of the grid.
pub fn hidden_after(mut picture: Picture, [rows, columns]: [usize; 2], place: usize) -> Picture {
    let (w, h) = (picture.width as usize, picture.height as usize);
    for (i, pixel) in picture.rgba.chunks_exact_mut(4).enumerate() {
        let (row, column) = (i / w * rows / h.max(1), i % w * columns / w.max(1));
        if row * columns + column > place {
            pixel.copy_from_slice(&[0; 4]);
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::Device;

    use super::super::LatentCommand;
    use super::super::tests::Studio;
    use super::*;
    use crate::base::paths::Paths;
    use crate::library::Library;
    use crate::library::records::threads::Prompt;
    use crate::models::io::{METADATA, Weights};
    use crate::models::{TokenPrior, TokenVae};
    use crate::recipe::{Parent, Recipe};

    /// A recipe of small token models for pictures of 16 pixels.
    fn recipe(id: &str) -> Recipe {
        let mut r = Recipe { name: id.into(), ..Recipe::default() };
        r.data.resolution = 16.into();
        r.model.id = id.into();
        (r.model.width, r.model.narrow, r.model.latent, r.model.blocks) = (16, 8, 4, 2);
        (r.model.tokens.codes, r.model.tokens.grid, r.model.tokens.heads) = (16, 4, 2);
        r
    }

    fn write(recipe: &Recipe, weights: &Weights, file: &Path) -> ModelInfo {
        let info = ModelInfo::of(recipe, weights.hash());
        weights.clone().with(METADATA, serde_json::to_string(&info).unwrap()).write(file).unwrap();
        info
    }

    /// Writes a prior with fresh weights and the token model it belongs to.
    fn prior(folder: &Path) -> (String, ModelInfo) {
        let device = Device::flex();
        let file = |name: &str| folder.join(name);
        let tokens = recipe("vq-vae");
        let weights = Weights::of(&TokenVae::init(&tokens, &device).unwrap());
        let on = write(&tokens, &weights, &file("tokens.safetensors"));
        let mut r = recipe("gpt");
        r.model.tokens.layout = [4, 4];
        r.model.tokens.words = ["a", "dark", "picture"].map(String::from).to_vec();
        r.model.tokens.caption_words = 4;
        let model = file("tokens.safetensors").display().to_string();
        r.model.tokens.on = Some(Parent { model, hash: on.hash });
        let weights = Weights::of(&TokenPrior::init(&r, &device).unwrap());
        let info = write(&r, &weights, &file("prior.safetensors"));
        (file("prior.safetensors").display().to_string(), info)
    }

    /// Draws, and waits until it is done and noted: all prompts of the only thread.
    fn noted(studio: &mut Studio, model: &str, request: &DrawRequest, prompts: usize) -> Vec<Prompt> {
        let request = Box::new(request.clone());
        studio.ask(LatentCommand::DrawTokens { session: 5, model: model.into(), request, pause: 0, after: None });
        let done = |e: &LatentEvent| match e {
            LatentEvent::TokensDrawn { session: 5, picture, .. } => Some(picture.is_some()),
            _ => None,
        };
        assert!(studio.told("a drawing", done));
        let library = Paths::under(studio.home.path()).library();
        for _ in 0..2000 {
            let threads = Library::open(&library).and_then(|l| l.threads()).unwrap();
            if let [thread] = &threads[..]
                && thread.len() >= prompts
            {
                assert_eq!(thread.len(), prompts);
                return thread.clone();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the prompt was not noted")
    }

    #[test]
    fn what_was_asked_is_noted_in_a_thread_once_the_drawing_is_done() {
        let mut studio = Studio::new();
        let (model, info) = prior(studio.home.path());
        let first = DrawRequest { prompt: "a dark picture".into(), seed: 7, ..DrawRequest::default() };
        let thread = noted(&mut studio, &model, &first, 1);
        assert_eq!((thread[0].text.as_str(), &thread[0].model), ("a dark picture", &info.hash));
        assert_eq!(thread[0].settings["seed"], 7);
        assert_eq!(thread[0].settings["choosing"], serde_json::to_value(first.choosing).unwrap());
        assert_eq!(thread[0].settings.get("given"), None);

        // What is stopped halfway is not noted.
        let request = Box::new(DrawRequest { prompt: "a picture".into(), ..first.clone() });
        studio.ask(LatentCommand::DrawTokens { session: 6, model: model.clone(), request, pause: 1000, after: None });
        studio.told("its first token", |e| matches!(e, LatentEvent::TokenDrawn { session: 6, .. }).then_some(()));
        studio.ask(LatentCommand::StopDrag { session: 6 });

        // Another token in its place goes on from it.
        let next = DrawRequest { given: vec![3, 1], seed: 8, ..first };
        let thread = noted(&mut studio, &model, &next, 2);
        assert_eq!((thread[1].after, &thread[1].settings["given"]), (Some(thread[0].id), &json!(2)));
        assert_eq!(thread[1].settings["seed"], 8);
    }

    #[test]
    fn what_was_not_drawn_yet_is_transparent() {
        let whole = Picture::filled(8, 4, [9, 9, 9, 255]);
        let part = hidden_after(whole, [2, 4], 5);
        let seen = |x: usize, y: usize| part.rgba[(y * 8 + x) * 4 + 3] == 255;
        assert!((0..8).all(|x| seen(x, 0)) && seen(3, 2) && !seen(4, 2) && !seen(7, 3));
    }
}
