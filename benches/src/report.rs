//! Tables in Markdown.

use std::fmt::Write;

use crate::measure::Samples;

/// How a table speaks of its samples.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Time for each operation; less is better.
    Time,
    /// Operations in a second; more is better.
    Rate,
}

/// Something that the first contestant, ours, has to reach.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    /// Its ratio to the one it is compared with: at most this for times, at least this for rates.
    pub(crate) ratio: f64,
    /// Which of the others it is compared with.
    pub(crate) against: Against,
}

/// With whom ours is compared.
#[derive(Clone, Copy)]
pub(crate) enum Against {
    /// The best of the others.
    Best,
    /// The second of the table.
    Second,
    /// The one of this name.
    Named(&'static str),
}

/// One table: ours first, then the others.
pub(crate) fn table(title: &str, samples: &[Samples], unit: Unit, goals: &[Goal]) -> String {
    let Some((ours, others)) = samples.split_first() else {
        return String::new();
    };
    let mut text = format!(
        "\n**{title}** ({} rounds)\n\n| | median | min – max | ours ÷ this |\n|---|---:|---:|---:|\n",
        ours.rounds()
    );
    for sample in samples {
        let ratio = if sample.name == ours.name {
            "1".to_owned()
        } else {
            format!("{:.3}", ratio(ours, sample, unit))
        };
        let (low, high) = match unit {
            Unit::Time => (sample.min(), sample.max()),
            Unit::Rate => (sample.max(), sample.min()),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} – {} | {ratio} |",
            sample.name,
            unit.show(sample.median()),
            unit.show(low),
            unit.show(high),
        );
    }
    for goal in goals {
        let rivals: Vec<&Samples> = match goal.against {
            Against::Second => others.iter().take(1).collect(),
            Against::Named(name) => others.iter().filter(|other| other.name == name).collect(),
            Against::Best => {
                let lead = |rival: &&Samples| ours.times_as_long_as(rival);
                let best = others
                    .iter()
                    .max_by(|one, other| lead(one).total_cmp(&lead(other)));
                best.into_iter().collect()
            }
        };
        for rival in rivals {
            let _ = write!(text, "\n{}\n", verdict(ours, rival, unit, goal.ratio));
        }
    }
    text
}

fn verdict(ours: &Samples, rival: &Samples, unit: Unit, goal: f64) -> String {
    let reached = ratio(ours, rival, unit);
    let (bound, passed) = match unit {
        Unit::Time => ("at most", reached <= goal),
        Unit::Rate => ("at least", reached >= goal),
    };
    let word = if passed { "reached" } else { "**missed**" };
    format!(
        "Against {}: {reached:.3}, target {bound} {goal}: {word}.",
        rival.name
    )
}

fn ratio(ours: &Samples, other: &Samples, unit: Unit) -> f64 {
    match unit {
        Unit::Time => ours.times_as_long_as(other),
        Unit::Rate => other.times_as_long_as(ours),
    }
}

impl Unit {
    fn show(self, seconds: f64) -> String {
        match self {
            Self::Time if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
            Self::Time if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
            Self::Time => format!("{:.2} ms", seconds * 1e3),
            Self::Rate if seconds > 0.1 => format!("{:.2} /s", 1.0 / seconds),
            Self::Rate => format!("{:.0} /s", 1.0 / seconds),
        }
    }
}
