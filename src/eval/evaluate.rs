//! Evaluating a model: all metrics that are asked for, on one context.

use std::time::Instant;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::context::{EvalContext, Suspect, Task};
use super::evaluated_model::{Pictures, Subject};
use super::features::FeatureSpace;
use super::score::Score;
use super::table::{METRICS, MetricSpec, Need, find};
use crate::base::paths::Paths;
use crate::base::{Channels, Kind, Problem, Progress, Result};
use crate::data::{self, Prepared};
use crate::latent::model::LoadedModel;
use crate::models::info::ModelInfo;
use crate::recipe::DataRecipe;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Scores, in the order asked for.
    pub metrics: Vec<Score>,
    /// Metrics that were left out, each with its reason.
    #[serde(default)]
    pub left_out: Vec<(String, String)>,
    /// Samples beside the training pictures that they are most like, the worst first.
    #[serde(skip)]
    pub suspects: Vec<Suspect>,
}

/// Metrics by their ids; `all` is every one.
///
/// # Errors
/// There is none of some id.
pub fn chosen<S: AsRef<str>>(ids: &[S]) -> Result<Vec<&'static MetricSpec>> {
    let mut out: Vec<&MetricSpec> = Vec::new();
    for id in ids.iter().map(|id| id.as_ref().trim()).filter(|id| !id.is_empty()) {
        if id == "all" {
            out.extend(METRICS);
            continue;
        }
        out.push(find(id).ok_or_else(|| {
            let known: Vec<&str> = METRICS.iter().map(|m| m.id).collect();
            Problem::usage("There is no metric of this name")
                .of(id)
                .try_this(format!("Choose from: all, {}", known.join(", ")))
        })?);
    }
    let mut seen = Vec::new();
    out.retain(|m| {
        !seen.contains(&m.id) && {
            seen.push(m.id);
            true
        }
    });
    if out.is_empty() { Err(Problem::usage("No metric was chosen")) } else { Ok(out) }
}

/// Why no covariance of photo features is taken.
const WIDE: &str = "covariances of 1,280 numbers take too long to compare; kid measures through these features too";

/// Why a metric does not apply to this model and these data, if so.
pub fn lacks(metric: &MetricSpec, subject: &dyn Subject, data: &Prepared) -> Option<&'static str> {
    let missing = metric.needs.iter().find(|need| match need {
        Need::Pictures => data.shape().channels == Channels::Points,
        Need::Labels => data.labels().len() < 2,
        Need::Factors => data.factor_names().is_empty(),
        Need::Encoder => subject.encoding().is_none(),
        Need::Classes => !data.labels().iter().any(|l| subject.classes().contains(l)),
    });
    missing.map(|need| need.missing())
}

/// Computes every metric asked for. One that lacks something is left out with the reason.
///
/// # Errors
/// Model and data differ in shape, nothing is left to compute, the model fails, or the work was cancelled.
pub fn evaluate(task: &Task<'_>, metrics: &[&'static MetricSpec], progress: &dyn Progress) -> Result<Report> {
    let (mine, theirs) = (task.subject.shape(), task.data.shape());
    if mine != theirs {
        return Err(Problem::usage("The data are prepared in another shape than the model's")
            .because(format!("{mine:?} and {theirs:?}")));
    }
    if task.count == 0 {
        return Err(Problem::usage("There is nothing to measure").of("--count 0").try_this("Choose at least 100"));
    }
    let cx = EvalContext::new(task, progress);
    let mut report = Report::default();
    for metric in metrics {
        if let Some(need) = lacks(metric, task.subject, task.data) {
            report.left_out.push((metric.id.into(), need.into()));
            continue;
        }
        if metric.by_covariance && task.space == FeatureSpace::Photo {
            report.left_out.push((metric.id.into(), WIDE.into()));
            continue;
        }
        progress.cancel().check()?;
        let began = Instant::now();
        let scores = (metric.run)(&cx)?;
        let seconds = began.elapsed().as_secs_f64();
        let least = if metric.by_covariance { cx.extractor()?.dim() as u64 + 1 } else { metric.least };
        report.metrics.extend(scores.into_iter().map(|s| Score { seconds, ..s }.noting_few(least)));
    }
    report.suspects = cx.suspects.take();
    match report.left_out.first() {
        Some((id, why)) if report.metrics.is_empty() => {
            Err(Problem::usage("This cannot be measured here").of(id.clone()).because(why))
        }
        _ => Ok(report),
    }
}

/// The pictures that a model learned from, prepared as they were then: those at `source`, if these are they, else those
/// at `place`, where its own are said to lie; nothing if they are not here.
fn learned_from(
    info: &ModelInfo,
    source: &str,
    place: &str,
    paths: &Paths,
    progress: &dyn Progress,
) -> Result<Option<Prepared>> {
    let at = |source: &str| {
        let recipe = DataRecipe { source: source.into(), ..info.recipe.data.clone() };
        data::prepare(&recipe, &paths.prepared(), progress)
    };
    if source == place {
        return at(source).map(Some);
    }
    let mut found = None;
    // The same pictures under another path have the same hash.
    if !info.data.is_empty() {
        found = Some(at(source)?).filter(|set| set.hash() == info.data);
    }
    if found.is_none() && data::is_there(place) {
        found = match at(place) {
            Ok(set) => Some(set),
            Err(problem) if problem.kind == Kind::Interrupted => return Err(problem),
            Err(problem) => {
                log::warn!("what {} learned from is not looked at: {problem}", info.name);
                None
            }
        };
    }
    Ok(found)
}

/// A model with the data that it is held against.
pub struct Opened {
    /// The model.
    pub model: LoadedModel,
    /// The data, prepared as the model's own were.
    pub data: Prepared,
    /// What the model learned from, if that is here.
    pub training: Option<Prepared>,
    /// What the data are called.
    pub source: String,
    /// What looks at pictures.
    pub space: FeatureSpace,
    device: Device,
}

impl Opened {
    /// Opens a model, and prepares the data: those it was trained on if no other are named, which lie at `own` where they
    /// are not where its recipe says. All of them count, also where the model learned from a part only.
    ///
    /// # Errors
    /// There is no such model, the data are not here, or the device does not start.
    pub fn open(
        model: &str,
        source: Option<&str>,
        own: Option<&str>,
        paths: &Paths,
        device: &str,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let model = LoadedModel::open(model, paths, device)?;
        let place = own.unwrap_or(&model.info().recipe.data.source).to_string();
        let own = &model.info().recipe.data;
        let source = source.unwrap_or(&place).to_string();
        let recipe = DataRecipe { source: source.clone(), limit: 0, exclude: Vec::new(), mirror: false, ..own.clone() };
        let data = data::prepare(&recipe, &paths.prepared(), progress).map_err(|p| match p.remedy {
            None => p.try_this("Name the data with --data"),
            Some(_) => p,
        })?;
        let training = learned_from(model.info(), &source, &place, paths, progress)?;
        let device = crate::nn::device::open(device)?;
        Ok(Self { model, data, training, source, space: FeatureSpace::default(), device })
    }

    /// The same, looked at through other features.
    #[must_use]
    pub fn through(self, space: FeatureSpace) -> Self {
        Self { space, ..self }
    }

    /// Computes every metric asked for.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn evaluate(
        &self,
        metrics: Vec<&'static MetricSpec>,
        count: usize,
        draws: usize,
        seed: u64,
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<Report> {
        let task = Task { count, draws, ..self.task(&self.model, seed, paths) };
        let mut report = evaluate(&task, &metrics, progress)?;
        if self.space == FeatureSpace::Photo && self.model.info().recipe.looks_through_photos() {
            for score in report.metrics.iter_mut().filter(|s| s.is_through(FeatureSpace::Photo)) {
                score.add_note("the model learned through these features, so they flatter it; see --features studio");
            }
        }
        Ok(report)
    }

    /// The same of pictures that another program made: as if they were the model's samples.
    ///
    /// # Errors
    /// As [`evaluate`], or the pictures are too few or not there.
    pub fn evaluate_pictures(
        &self,
        pictures: &str,
        metrics: Vec<&'static MetricSpec>,
        count: usize,
        seed: u64,
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<Report> {
        let own = &self.model.info().recipe.data;
        let source = pictures.to_string();
        let recipe =
            DataRecipe { source, limit: 0, exclude: Vec::new(), mirror: false, drop_duplicates: false, ..own.clone() };
        let set = data::prepare(&recipe, &paths.prepared(), progress)?;
        if set.len() < count {
            return Err(Problem::data("There are too few pictures to measure")
                .of(pictures)
                .because(format!("{} of {count}", set.len()))
                .try_this("Make more, or give a smaller --count for both"));
        }
        let subject = Pictures(&set);
        let task = Task { count, ..self.task(&subject, seed, paths) };
        evaluate(&task, &metrics, progress)
    }

    fn task<'a>(&'a self, subject: &'a dyn Subject, seed: u64, paths: &'a Paths) -> Task<'a> {
        Task {
            subject,
            data: &self.data,
            source: &self.source,
            training: self.training.as_ref(),
            count: 0,
            draws: 0,
            seed,
            cache: &paths.cache,
            space: self.space,
            device: self.device.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::base::progress::Quiet;
    use crate::base::rng::Stream;
    use crate::base::{Picture, Shape};
    use crate::eval::evaluated_model::Encoding;
    use crate::latent::testing::classed_vae;
    use crate::recipe::Recipe;

    /// Makes nothing, but knows classes.
    struct Named(Vec<String>, Shape);

    impl Subject for Named {
        fn shape(&self) -> Shape {
            self.1
        }

        fn classes(&self) -> &[String] {
            &self.0
        }

        fn sample(&self, _: &[(u64, Option<u32>)], _: &mut dyn FnMut(usize, Picture) -> bool) -> Result<()> {
            Ok(())
        }
    }

    /// Picture files of noise, each by its number.
    fn folder(dir: &std::path::Path, numbers: impl Iterator<Item = u64>) -> String {
        std::fs::create_dir_all(dir).unwrap();
        for n in numbers {
            let bytes = Stream::new(n, "picture").normals(256).iter().map(|v| (v * 40.0 + 128.0) as u8).collect();
            image::GrayImage::from_raw(16, 16, bytes).unwrap().save(dir.join(format!("{n}.png"))).unwrap();
        }
        dir.display().to_string()
    }

    fn recipe(source: &str) -> DataRecipe {
        DataRecipe { source: source.into(), resolution: 16.into(), channels: Channels::Grey, ..DataRecipe::default() }
    }

    #[test]
    fn what_a_model_learned_from_is_told_by_its_pixels_wherever_it_lies() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(&home.path().join("studio"));
        let prepare = |source: &str| data::prepare(&recipe(source), &paths.prepared(), &Quiet::default()).unwrap();
        let at = folder(&home.path().join("here"), 0..400);
        let moved = folder(&home.path().join("there"), 0..400);
        let mixed = folder(&home.path().join("mixed"), (0..5).chain(1000..1007));
        let training = prepare(&at);
        let held: BTreeSet<String> =
            training.heldout().iter().map(|&i| training.name(i as usize).to_string()).collect();
        assert!(!held.is_empty());
        let subject = Named(Vec::new(), training.shape());
        let unseen = |data: &Prepared, training: Option<&Prepared>| {
            let task = Task {
                subject: &subject,
                data,
                source: "x",
                training,
                count: 10,
                draws: 1,
                seed: 1,
                cache: &paths.cache,
                space: FeatureSpace::Studio,
                device: Device::flex(),
            };
            let quiet = Quiet::default();
            let (places, which) = EvalContext::new(&task, &quiet).unseen(usize::MAX);
            (places.iter().map(|&i| data.name(i).to_string()).collect::<BTreeSet<String>>(), which)
        };
        for data in [&training, &prepare(&moved)] {
            assert_eq!(unseen(data, Some(&training)), (held.clone(), "pictures not learned from"));
            assert_eq!(unseen(data, None).0.len(), 400);
        }
        let fresh: BTreeSet<String> = (1000..1007u32)
            .map(|n| format!("{n}.png"))
            .chain((0..5u32).map(|n| format!("{n}.png")).filter(|n| held.contains(n)))
            .collect();
        assert_eq!(unseen(&prepare(&mixed), Some(&training)).0, fresh);
        let all_of_it = prepare(&mixed);
        assert_eq!(unseen(&all_of_it, Some(&all_of_it)).1, "pictures learned from");

        // Where its own are gone, those of the same hash are they.
        let own = Recipe { data: recipe(&at), ..Recipe::default() };
        let info = ModelInfo { data: training.hash().into(), ..ModelInfo::of(&own, "h".into()) };
        let find = |info: &ModelInfo, source: &str| {
            learned_from(info, source, &at, &paths, &Quiet::default()).unwrap().map(|set| set.hash().to_string())
        };
        let hash = Some(training.hash().to_string());
        assert_eq!(find(&info, &mixed), hash, "they are still there");
        std::fs::remove_dir_all(&at).unwrap();
        assert_eq!((find(&info, &moved), find(&info, &mixed)), (hash, None));
        let unknown = ModelInfo { data: String::new(), ..info };
        assert_eq!(find(&unknown, &moved), None, "nothing is guessed");
    }

    #[test]
    fn a_model_that_learned_classes_is_told_those_of_pictures_by_name() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(&home.path().join("studio"));
        let source = home.path().join("set");
        folder(&source.join("cat"), 0..3);
        folder(&source.join("dog"), 3..6);
        let data = data::prepare(&recipe(&source.display().to_string()), &paths.prepared(), &Quiet::default()).unwrap();
        assert_eq!(data.labels(), ["cat", "dog"]);
        let subject = Named(vec!["dog".into(), "bird".into(), "cat".into()], data.shape());
        let task = Task {
            subject: &subject,
            data: &data,
            source: "x",
            training: None,
            count: 6,
            draws: 1,
            seed: 1,
            cache: &paths.cache,
            space: FeatureSpace::Studio,
            device: Device::flex(),
        };
        let quiet = Quiet::default();
        let cx = EvalContext::new(&task, &quiet);
        for place in 0..6 {
            let wanted = if data.label(place) == Some(0) { 2 } else { 0 };
            assert_eq!(cx.class_at(place), Some(wanted));
        }
        let model = classed_vae(8, 4, &["cat", "dog"]);
        let shape = LoadedModel::shape(&model);
        let bytes: Vec<u8> = (0..shape.bytes()).map(|i| (i * 7 % 251) as u8).collect();
        let draws = |class| model.draws(&bytes, class, 3, &mut Stream::new(1, "draws"));
        let code = |class| Encoding::code(&model, &bytes, class);
        assert!(code(Some(0)) != code(Some(1)) && draws(Some(0)) != draws(Some(1)));
        assert_eq!(draws(Some(1)), draws(Some(1)));
        assert!(model.rebuilt(&bytes, Some(0)).is_some() && draws(None) != draws(Some(0)));
    }
}
