//! Which of two pictures is better: choices, the ranking that they make, and how well it foresees choices it has not seen.
//!
//! A ranking gives each picture a strength; the odds that one is chosen over another are the ratio of their strengths
//! (Bradley & Terry 1952), found by the iteration of Hunter 2004, "MM algorithms for generalized Bradley–Terry models". Each
//! picture has drawn once against an average one besides, so that one that always won stays finite.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::records::{append, ensure};
use super::usage::wilson;
use super::{ItemFilter, Library, sql};
use crate::base::rng::Stream;
use crate::base::{Problem, Result};
use crate::recipe::picture::Latent;

/// Rounds of the iteration at most, and the relative change that ends it.
const ROUNDS: usize = 1000;
const STEADY: f64 = 1e-9;
/// Parts that choices are cut into: each is foreseen by the ranking of the others.
const PARTS: usize = 5;
/// A picture of at least this strength, as a logarithm, is liked; of at most its negative, disliked.
const CLEAR: f64 = 0.2;
/// Pictures that pairs are taken from: the newest ones.
const LOOKED_AT: usize = 500;

/// Kept pictures of the checkpoints of a run, the newest first.
const OF_CHECKPOINTS: &str = "SELECT items.id, model_hash, recipe ->> '$.latent' || coalesce(hex(latent), ''), \
    coalesce(recipe ->> '$.made_by', items.model) FROM items INDEXED BY items_weights \
    WHERE trashed = 0 AND imported = 0 AND recipe IS NOT NULL AND model_hash IN ( \
        SELECT made.key FROM records AS run JOIN edges ON edges.parent = run.id \
        JOIN records AS made ON made.id = edges.child \
        WHERE run.key = ?1 AND relation = 'checkpoint' AND made.kind = 'model') \
    ORDER BY items.id DESC LIMIT ?2";
/// Kept pictures of a model, the newest first, with what is thought of them.
const OF_MODEL: &str = "SELECT id, rating, starred FROM items INDEXED BY items_weights WHERE model_hash = ?1 AND trashed = 0 AND imported = 0 \
    AND recipe IS NOT NULL ORDER BY id DESC LIMIT ?2";

/// A choice between two kept pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The one that was chosen.
    pub better: i64,
    /// The other.
    pub worse: i64,
}

/// A picture in a ranking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Number of the picture.
    pub item: i64,
    /// Logarithm of its strength; 0 is average.
    pub strength: f64,
    /// Choices that it won.
    pub won: u64,
    /// Choices that it was in.
    pub of: u64,
}

/// A ranking of pictures by choices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Pictures, the best first.
    pub pictures: Vec<Ranked>,
    /// Choices.
    pub choices: u64,
    /// Held-out choices that say something: of pictures that the others rank differently.
    pub foreseen_of: u64,
    /// Those of them that were foreseen.
    pub foreseen: u64,
    /// Bounds of their share at 95 % (Wilson); half is chance.
    pub share: (f64, f64),
}

/// Strengths of pictures as logarithms.
fn strengths(choices: &[Choice]) -> HashMap<i64, f64> {
    let mut places: HashMap<i64, usize> = HashMap::new();
    for choice in choices {
        for item in [choice.better, choice.worse] {
            let next = places.len();
            places.entry(item).or_insert(next);
        }
    }
    let mut wins = vec![0.5; places.len()];
    let mut pairs: HashMap<(usize, usize), f64> = HashMap::new();
    for choice in choices {
        let (a, b) = (places[&choice.better], places[&choice.worse]);
        wins[a] += 1.0;
        *pairs.entry((a.min(b), a.max(b))).or_default() += 1.0;
    }
    let mut pairs: Vec<((usize, usize), f64)> = pairs.into_iter().collect();
    pairs.sort_by_key(|p| p.0);
    let mut strength = vec![1.0; places.len()];
    for _ in 0..ROUNDS {
        // The draw against an average picture of strength 1.
        let mut against: Vec<f64> = strength.iter().map(|s| 1.0 / (s + 1.0)).collect();
        for ((a, b), count) in &pairs {
            let share = count / (strength[*a] + strength[*b]);
            against[*a] += share;
            against[*b] += share;
        }
        let mut change: f64 = 0.0;
        for ((s, w), d) in strength.iter_mut().zip(&wins).zip(&against) {
            let new = w / d;
            change = change.max((new / *s - 1.0).abs());
            *s = new;
        }
        if change < STEADY {
            break;
        }
    }
    places.into_iter().map(|(item, place)| (item, strength[place].ln())).collect()
}

/// Ranks pictures by choices, and foresees each part of the choices by the others.
fn rank(choices: &[Choice]) -> Ranking {
    let all = strengths(choices);
    let mut pictures: Vec<Ranked> = all
        .into_iter()
        .map(|(item, strength)| {
            let won = choices.iter().filter(|c| c.better == item).count() as u64;
            let lost = choices.iter().filter(|c| c.worse == item).count() as u64;
            Ranked { item, strength, won, of: won + lost }
        })
        .collect();
    pictures.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.item.cmp(&b.item)));
    let mut places: Vec<usize> = (0..choices.len()).collect();
    Stream::new(0, "held-out choices").shuffle(&mut places);
    let (mut foreseen, mut of) = (0, 0);
    for part in 0..PARTS {
        let (mut held, mut rest) = (Vec::new(), Vec::new());
        for (i, place) in places.iter().enumerate() {
            if i % PARTS == part { held.push(choices[*place]) } else { rest.push(choices[*place]) }
        }
        let known = strengths(&rest);
        for choice in held {
            if let (Some(a), Some(b)) = (known.get(&choice.better), known.get(&choice.worse))
                && (a - b).abs() > 1e-6
            {
                of += 1;
                foreseen += u64::from(a > b);
            }
        }
    }
    let share = wilson(foreseen as f64, of as f64);
    Ranking { pictures, choices: choices.len() as u64, foreseen_of: of, foreseen, share }
}

/// A checkpoint among others, by choices between pictures of the same latents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRank {
    /// Hash of its weights.
    pub hash: String,
    /// What it is called.
    pub name: String,
    /// Kept pictures of it.
    pub pictures: u64,
    /// Choices that it won.
    pub won: u64,
    /// Choices that it was in.
    pub of: u64,
    /// Logarithm of its strength; 0 is average.
    pub strength: f64,
}

/// A kept picture of a checkpoint.
struct Shot {
    item: i64,
    model: String,
    /// As JSON.
    latent: String,
    name: String,
}

/// The pair that says most: a picture in the fewest choices, and of those that fit it the one nearest in strength, not
/// chosen between so far if there is one.
fn pair(ids: &[i64], choices: &[Choice], passed: &[(i64, i64)], fits: impl Fn(i64, i64) -> bool) -> Option<(i64, i64)> {
    let strength = strengths(choices);
    let of = |id: i64| strength.get(&id).copied().unwrap_or_default();
    let mut seen: HashMap<i64, usize> = HashMap::new();
    let mut known: HashSet<(i64, i64)> = HashSet::new();
    for choice in choices {
        *seen.entry(choice.better).or_default() += 1;
        *seen.entry(choice.worse).or_default() += 1;
        known.insert((choice.better.min(choice.worse), choice.better.max(choice.worse)));
    }
    let passed: HashSet<(i64, i64)> = passed.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
    let mut order = ids.to_vec();
    order.sort_by_key(|id| (seen.get(id).copied().unwrap_or_default(), *id));
    order.iter().find_map(|&first| {
        let both = |id: i64| (first.min(id), first.max(id));
        let others = order.iter().copied().filter(|&id| id != first && fits(first, id) && !passed.contains(&both(id)));
        let near = |id: &i64| (known.contains(&both(*id)), (of(*id) - of(first)).abs());
        let best = others.min_by(|a, b| {
            let (a, b) = (near(a), near(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        })?;
        // Left and right by turns, so that none has an advantage.
        Some(if (first + best + choices.len() as i64) % 2 == 0 { (first, best) } else { (best, first) })
    })
}

impl Library {
    /// Notes that one kept picture is better than another.
    ///
    /// # Errors
    /// They are one, or one of them is not in the library; the library cannot be written.
    pub fn choose(&self, choice: Choice) -> Result<()> {
        if choice.better == choice.worse {
            return Err(Problem::usage("A picture cannot be better than itself").of(choice.better.to_string()));
        }
        for item in [choice.better, choice.worse] {
            if self.item(item)?.is_none() {
                return Err(Problem::usage("There is no kept picture of this number").of(item.to_string()));
            }
        }
        self.write(|tx| {
            let at = sql::now();
            let better = ensure(tx, &format!("item:{}", choice.better), at)?;
            let body = json!({ "over": format!("item:{}", choice.worse) });
            append(tx, "choice", None, Some(better), at, &body).map(|_| ())
        })
    }

    /// Every choice, the earliest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn choices(&self) -> Result<Vec<Choice>> {
        let all: Vec<(String, String)> = self.read(|db| {
            let mut query = db.prepare(
                "SELECT better.key, said.body FROM records AS said JOIN records AS better ON better.id = said.about \
                 WHERE said.kind = 'choice' ORDER BY said.id",
            )?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let number = |key: &str| key.strip_prefix("item:")?.parse().ok();
        let choice = |(better, body): &(String, String)| {
            let body: Value = serde_json::from_str(body).ok()?;
            Some(Choice { better: number(better)?, worse: number(body["over"].as_str()?)? })
        };
        Ok(all.iter().filter_map(choice).collect())
    }

    /// Two kept pictures that a choice between says most about: of those that were in the fewest choices, one, and beside it
    /// the one that is nearest in strength. Pairs that were passed over are not asked again. Of the newest pictures only.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn next_pair(&self, model: Option<&str>, passed: &[(i64, i64)]) -> Result<Option<(i64, i64)>> {
        let filter = ItemFilter { model: model.map(str::to_owned), ..ItemFilter::default() };
        let items = self.page(&filter, 0, LOOKED_AT)?;
        let ids: Vec<i64> = items.iter().map(|i| i.id).collect();
        Ok(pair(&ids, &self.choices()?, passed, |_, _| true))
    }

    /// Two pictures of the same latent made by different checkpoints of a run.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn next_pair_of_run(&self, run: &Path, passed: &[(i64, i64)]) -> Result<Option<(i64, i64)>> {
        let shots = self.checkpoint_shots(run)?;
        let of: HashMap<i64, &Shot> = shots.iter().map(|s| (s.item, s)).collect();
        let ids: Vec<i64> = shots.iter().map(|s| s.item).collect();
        let fits = |a: i64, b: i64| of[&a].latent == of[&b].latent && of[&a].model != of[&b].model;
        Ok(pair(&ids, &self.choices()?, passed, fits))
    }

    /// Kept pictures of the checkpoints of a run, the newest first.
    fn checkpoint_shots(&self, run: &Path) -> Result<Vec<Shot>> {
        let node = self.node(&run.to_string_lossy());
        self.read(|db| {
            let mut query = db.prepare(OF_CHECKPOINTS)?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(Shot { item: row.get(0)?, model: row.get(1)?, latent: row.get(2)?, name: row.get(3)? })
            };
            query.query_map(rusqlite::params![node, LOOKED_AT as i64], row)?.collect()
        })
    }

    /// Checkpoints of a run in the order that choices between their pictures of the same latents put them in.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn rank_checkpoints(&self, run: &Path) -> Result<Vec<ModelRank>> {
        let shots = self.checkpoint_shots(run)?;
        let mut models: Vec<(&str, &str)> = shots.iter().map(|s| (s.model.as_str(), s.name.as_str())).collect();
        models.sort_unstable();
        models.dedup_by(|a, b| a.0 == b.0);
        let place = |item: i64| {
            let shot = shots.iter().find(|s| s.item == item)?;
            Some((models.iter().position(|m| m.0 == shot.model)? as i64, shot.latent.as_str()))
        };
        let between = |choice: &Choice| {
            let (better, worse) = (place(choice.better)?, place(choice.worse)?);
            let same = better.1 == worse.1 && better.0 != worse.0;
            same.then_some(Choice { better: better.0, worse: worse.0 })
        };
        let choices: Vec<Choice> = self.choices()?.iter().filter_map(between).collect();
        let ranked = rank(&choices).pictures;
        let mut out: Vec<ModelRank> = models
            .iter()
            .zip(0..)
            .map(|((hash, name), place)| {
                let of = ranked.iter().find(|r| r.item == place);
                let pictures = shots.iter().filter(|s| s.model == *hash).count() as u64;
                let (won, of, strength) = of.map_or((0, 0, 0.0), |r| (r.won, r.of, r.strength));
                ModelRank { hash: (*hash).into(), name: (*name).into(), pictures, won, of, strength }
            })
            .collect();
        out.sort_by(|a, b| b.strength.total_cmp(&a.strength).then_with(|| a.name.cmp(&b.name)));
        Ok(out)
    }

    /// Latents of a model's kept pictures that are liked and disliked: by their ratings and stars, and those without by the
    /// choices that they won or lost. Of the newest pictures only.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn taste(&self, model_hash: &str) -> Result<(Vec<Latent>, Vec<Latent>)> {
        let ranking = self.ranking()?;
        let strength: HashMap<i64, f64> = ranking.pictures.iter().map(|p| (p.item, p.strength)).collect();
        let kept: Vec<(i64, u8, bool)> = self.read(|db| {
            let mut query = db.prepare(OF_MODEL)?;
            let limit = LOOKED_AT as i64;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            query.query_map(rusqlite::params![model_hash, limit], row)?.collect()
        })?;
        let (mut liked, mut disliked) = (Vec::new(), Vec::new());
        for (id, rating, starred) in kept {
            let of = strength.get(&id).copied().unwrap_or_default();
            let list = match rating {
                _ if starred => &mut liked,
                4.. => &mut liked,
                1 | 2 => &mut disliked,
                0 if of > CLEAR => &mut liked,
                0 if of < -CLEAR => &mut disliked,
                _ => continue,
            };
            list.extend(self.item(id)?.and_then(|item| item.recipe).map(|recipe| recipe.latent));
        }
        Ok((liked, disliked))
    }

    /// Pictures in the order that choices put them in, with how well the order foresees choices.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn ranking(&self) -> Result<Ranking> {
        Ok(rank(&self.choices()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::six;

    /// Choices between pictures of known strengths.
    fn drawn(count: usize, spread: f64) -> Vec<Choice> {
        let mut random = Stream::new(7, "choices");
        let strength = |item: i64| spread * item as f64;
        (0..count)
            .filter_map(|_| {
                let (a, b) = (random.below(10) as i64, random.below(10) as i64);
                let odds = 1.0 / (1.0 + (strength(b) - strength(a)).exp());
                let first = (random.below(1_000_000) as f64) < odds * 1e6;
                (a != b).then_some(if first { Choice { better: a, worse: b } } else { Choice { better: b, worse: a } })
            })
            .collect()
    }

    #[test]
    fn strengths_are_found_again_and_foresee_choices() {
        let choices = drawn(4000, 0.4);
        let ranking = rank(&choices);
        let order: Vec<i64> = ranking.pictures.iter().map(|p| p.item).collect();
        assert_eq!(order, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
        let span = ranking.pictures[0].strength - ranking.pictures[9].strength;
        assert!((span - 3.6).abs() < 0.5, "{span}");
        assert!(ranking.share.0 > 0.7 && ranking.share.1 < 0.85, "{:?}", ranking.share);
        // Choices by chance are foreseen by chance.
        let chance = rank(&drawn(2000, 0.0)).share;
        assert!(chance.0 < 0.5 && chance.1 > 0.45, "{chance:?}");
    }

    /// Two pictures, three choices to one: the maximum of the likelihood is worked out by hand with the draws.
    #[test]
    fn of_two_pictures_the_strength_is_that_of_the_likelihood() {
        let (a, b) = (Choice { better: 1, worse: 2 }, Choice { better: 2, worse: 1 });
        let found = strengths(&[a, a, a, b]);
        let (p, q) = (found[&1].exp(), found[&2].exp());
        // Wins and a half draw equal the foreseen number of wins.
        assert!((3.5 - (4.0 * p / (p + q) + p / (p + 1.0))).abs() < 1e-6);
        assert!((1.5 - (4.0 * q / (p + q) + q / (q + 1.0))).abs() < 1e-6);
        assert!(rank(&[]).pictures.is_empty());
    }

    #[test]
    fn choices_are_records() {
        let (_dir, library, ids) = six();
        library.choose(Choice { better: ids[1], worse: ids[0] }).unwrap();
        library.choose(Choice { better: ids[1], worse: ids[2] }).unwrap();
        let ranking = library.ranking().unwrap();
        assert_eq!((ranking.pictures[0].item, ranking.pictures[0].won, ranking.choices), (ids[1], 2, 2));
        assert!(library.choose(Choice { better: ids[0], worse: ids[0] }).is_err());
        assert!(library.choose(Choice { better: ids[0], worse: 999 }).is_err());
        assert_eq!(library.verify().unwrap().faults, []);
    }

    #[test]
    fn pairs_are_new_ones_of_pictures_that_were_seldom_asked() {
        let (_dir, library, ids) = six();
        let first = library.next_pair(None, &[]).unwrap().unwrap();
        assert_ne!(first.0, first.1);
        assert_ne!(library.next_pair(None, &[(first.1, first.0)]).unwrap().unwrap(), first, "it was passed over");
        let mut asked = HashSet::new();
        for _ in 0..15 {
            let (a, b) = library.next_pair(None, &[]).unwrap().unwrap();
            assert!(asked.insert((a.min(b), a.max(b))), "each of the 15 pairs once");
            library.choose(Choice { better: a, worse: b }).unwrap();
        }
        assert!(library.next_pair(None, &[]).unwrap().is_some(), "and then again");
        let faces = library.next_pair(Some("faces"), &[]).unwrap().unwrap();
        let model = |id| library.item(id).unwrap().unwrap().model;
        assert_eq!((model(faces.0), model(faces.1)), ("faces".into(), "faces".into()));
        let all: Vec<(i64, i64)> = ids.iter().flat_map(|a| ids.iter().map(|b| (*a, *b))).collect();
        assert_eq!(library.next_pair(None, &all).unwrap(), None);
    }

    /// However many pictures there are, only those of the model are read.
    #[test]
    fn pictures_of_weights_are_found_by_an_index() {
        let library = Library::in_memory().unwrap();
        for text in [OF_MODEL, OF_CHECKPOINTS] {
            let mut query = library.db.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let steps: Vec<String> =
                query.query_map(rusqlite::params!["h", 5], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            assert!(steps.iter().any(|s| s.contains("SEARCH items USING INDEX items_weights")), "{steps:?}");
            assert!(!steps.iter().any(|s| s.starts_with("SCAN items")), "{steps:?}");
        }
    }

    #[test]
    fn taste_is_what_was_rated_and_what_won() {
        let (_dir, library, ids) = six();
        let model = library.item(ids[0]).unwrap().unwrap().recipe.unwrap().model_hash;
        let of: Vec<i64> = ids
            .iter()
            .copied()
            .filter(|id| library.item(*id).unwrap().unwrap().recipe.is_some_and(|recipe| recipe.model_hash == model))
            .collect();
        assert!(of.len() >= 4);
        library.rate(&of[..1], 5).unwrap();
        library.rate(&of[1..2], 1).unwrap();
        for _ in 0..3 {
            library.choose(Choice { better: of[2], worse: of[3] }).unwrap();
        }
        let latent = |id: i64| library.item(id).unwrap().unwrap().recipe.unwrap().latent;
        let (liked, disliked) = library.taste(&model).unwrap();
        assert!(liked.len() == 2 && liked.contains(&latent(of[0])) && liked.contains(&latent(of[2])));
        assert!(disliked.len() == 2 && disliked.contains(&latent(of[1])) && disliked.contains(&latent(of[3])));
    }

    #[test]
    fn checkpoints_are_ranked_by_choices_between_the_same_latents() {
        let (_dir, library, ids) = six();
        let run = Path::new("/runs/a");
        for (i, id) in ids.iter().enumerate().take(4) {
            let hash = ["h1", "h2"][i % 2];
            library.link(hash, "/runs/a", "checkpoint").unwrap();
            let latent = format!("{{\"latent\":{{\"seed\":{}}}}}", i / 2);
            let text = "UPDATE items SET model_hash = ?, recipe = ? WHERE id = ?";
            library.db.execute(text, rusqlite::params![hash, latent, id]).unwrap();
        }
        for _ in 0..2 {
            let (a, b) = library.next_pair_of_run(run, &[]).unwrap().unwrap();
            let place = |id| ids.iter().position(|i| *i == id).unwrap();
            assert_eq!(place(a) / 2, place(b) / 2, "of one latent");
            let (better, worse) = if place(a) % 2 == 1 { (a, b) } else { (b, a) };
            library.choose(Choice { better, worse }).unwrap();
        }
        // A choice between different latents says nothing of checkpoints.
        library.choose(Choice { better: ids[0], worse: ids[3] }).unwrap();
        let ranks = library.rank_checkpoints(run).unwrap();
        let told: Vec<(&str, u64, u64, u64)> =
            ranks.iter().map(|r| (r.hash.as_str(), r.pictures, r.won, r.of)).collect();
        assert_eq!(told, [("h2", 2, 2, 2), ("h1", 2, 0, 2)]);
        assert!(library.rank_checkpoints(Path::new("/runs/b")).unwrap().is_empty());
    }
}
