//! Contestants take turns: [`side_by_side`].

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// Does something this many times and says how long that took.
pub(crate) type Round = Box<dyn FnMut(u32) -> Pin<Box<dyn Future<Output = Duration>>>>;

/// One of those who are compared.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) round: Round,
}

impl Contestant {
    /// A contestant whose rounds are made by this function.
    pub(crate) fn new<F>(name: &'static str, mut round: impl FnMut(u32) -> F + 'static) -> Self
    where
        F: Future<Output = Duration> + 'static,
    {
        Self {
            name,
            round: Box::new(move |count| Box::pin(round(count))),
        }
    }
}

/// How often and how long.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// What to wait before each turn, for servers that are still closing connections.
    pub(crate) pause: Duration,
    /// Rounds; each contestant has its turn in every one.
    pub(crate) rounds: usize,
    /// About how long a turn should take.
    pub(crate) turn: Duration,
    /// When to stop after half of the rounds, on a machine that is slow or busy.
    pub(crate) limit: Duration,
}

/// One who is this many times slower than the fastest ...
const SLOW: f64 = 5.0;
/// ... has a turn only in every one of so many rounds, which leaves time for more rounds of the others.
const RARELY: usize = 5;

/// Seconds for each operation, in the rounds in which there was a turn.
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    seconds: Vec<Option<f64>>,
}

impl Samples {
    pub(crate) fn median(&self) -> f64 {
        median(self.taken().collect())
    }

    pub(crate) fn min(&self) -> f64 {
        self.taken().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn max(&self) -> f64 {
        self.taken().fold(0.0, f64::max)
    }

    pub(crate) fn rounds(&self) -> usize {
        self.taken().count()
    }

    /// How many times as long as the other this one took: the median over their common rounds.
    pub(crate) fn times_as_long_as(&self, other: &Self) -> f64 {
        let pairs = self.seconds.iter().zip(&other.seconds);
        let ratios = pairs.filter_map(|(own, other)| Some((*own)? / (*other)?));
        median(ratios.collect())
    }

    fn taken(&self) -> impl Iterator<Item = f64> {
        self.seconds.iter().filter_map(|seconds| *seconds)
    }
}

/// Warms every contestant up, then lets them take turns.
///
/// Each round has another order, so that nobody always follows the same one: what a contestant leaves
/// behind, such as memory to be tidied up, slows the next. A short turn that does not count goes
/// before one of many operations for the same reason.
pub(crate) async fn side_by_side(mut contestants: Vec<Contestant>, plan: Plan) -> Vec<Samples> {
    let mut paces = Vec::new();
    for contestant in &mut contestants {
        paces.push(warm_up(contestant, plan.turn).await);
    }
    let fastest = paces
        .iter()
        .map(|pace| pace.each)
        .fold(f64::INFINITY, f64::min);
    let mut samples: Vec<_> = contestants
        .iter()
        .map(|contestant| Samples {
            name: contestant.name,
            seconds: Vec::new(),
        })
        .collect();
    let started = Instant::now();
    for round in 0..plan.rounds {
        if round >= plan.rounds / 2 && started.elapsed() > plan.limit {
            break;
        }
        for index in order(round, contestants.len()) {
            let (contestant, pace) = (&mut contestants[index], &paces[index]);
            if pace.each > SLOW * fastest && round % RARELY != 0 {
                samples[index].seconds.push(None);
                continue;
            }
            tokio::time::sleep(plan.pause).await;
            if pace.count > 1 {
                (contestant.round)(pace.count.div_ceil(10)).await;
            }
            let took = (contestant.round)(pace.count).await;
            let each = took.as_secs_f64() / f64::from(pace.count);
            samples[index].seconds.push(Some(each));
        }
    }
    samples
}

/// Forwards and backwards by turns, from another start each time.
fn order(round: usize, contestants: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..contestants).collect();
    order.rotate_left(round / 2 % contestants);
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// How fast a contestant is.
struct Pace {
    /// Seconds for one operation.
    each: f64,
    /// How many operations fill a turn.
    count: u32,
}

/// Finds how fast a contestant is; the search is the warm-up.
async fn warm_up(contestant: &mut Contestant, turn: Duration) -> Pace {
    // The first operation may connect or fill a cache.
    (contestant.round)(1).await;
    let mut count = 1;
    let mut fastest = f64::INFINITY;
    loop {
        let took = (contestant.round)(count).await;
        fastest = fastest.min(took.as_secs_f64() / f64::from(count));
        if took >= turn || count >= 1 << 22 {
            let fitting = turn.as_secs_f64() / fastest;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1 and a few million"
            )]
            let count = fitting.clamp(1.0, 1e7) as u32;
            return Pace {
                each: fastest,
                count,
            };
        }
        count *= 2;
    }
}

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
