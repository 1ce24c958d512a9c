//! An hour of connect times as the paths of a drawing: [`Sparkline`].

use std::fmt::Write as _;

use super::history::{Point, SPAN};

/// The drawing's own measures; it is stretched to the room there is.
pub(super) const WIDTH: f64 = 240.0;
pub(super) const HEIGHT: f64 = 60.0;
/// What is kept free above the highest point and below the lowest.
const MARGIN: f64 = 6.0;
/// Points farther apart than this many seconds, or intervals, are not joined.
const GAP: f64 = 90.0;
const GAP_INTERVALS: f64 = 3.0;

/// An hour of connect times, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sparkline {
    /// The line through the times.
    pub(super) line: String,
    /// The same, closed along the ground.
    pub(super) area: String,
    /// A dot for the newest time and for each that stands alone.
    pub(super) dots: String,
    /// A mark on the ground for each half minute with a failure.
    pub(super) failures: String,
    /// What it shows, in words.
    pub(super) words: String,
}

impl Sparkline {
    /// Draws these points. `None` where there is nothing to draw.
    pub(super) fn draw(points: &[Point], interval_seconds: f64) -> Option<Self> {
        if points.is_empty() {
            return None;
        }
        let mut drawn = Self::default();
        let times: Vec<(f64, f64)> = points
            .iter()
            .filter_map(|point| Some((x(point), point.connect_ms?)))
            .collect();
        let highest = times.iter().map(|(_, time)| *time).fold(0.0, f64::max);
        let gap = GAP.max(interval_seconds * GAP_INTERVALS) / SPAN.as_secs_f64() * WIDTH;
        let placed: Vec<_> = times
            .iter()
            .map(|(x, time)| (*x, y(*time, highest)))
            .collect();
        for run in runs(&placed, gap) {
            drawn.run(run);
        }
        if let Some((x, y)) = placed.last() {
            dot(&mut drawn.dots, *x, *y);
        }
        for point in points.iter().filter(|point| point.failed) {
            let _ = write!(drawn.failures, "M{:.1},{:.1}v-9", x(point), HEIGHT - 1.0);
        }
        drawn.words = words(points, &times);
        Some(drawn)
    }

    fn run(&mut self, run: &[(f64, f64)]) {
        let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else {
            return;
        };
        if let [(x, y)] = run {
            dot(&mut self.dots, *x, *y);
            return;
        }
        let mut path = String::new();
        for (index, (x, y)) in run.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{x:.1},{y:.1}");
        }
        let _ = write!(self.area, "{path}L{last:.1},{HEIGHT}L{first:.1},{HEIGHT}Z");
        self.line.push_str(&path);
    }
}

/// A line without length, which round ends make a dot.
fn dot(path: &mut String, x: f64, y: f64) {
    let _ = write!(path, "M{x:.1},{y:.1}h0");
}

#[allow(
    clippy::cast_precision_loss,
    reason = "seconds of an hour are few enough for any float"
)]
fn x(point: &Point) -> f64 {
    let share = point.seconds_ago as f64 / SPAN.as_secs_f64();
    // The newest is not drawn over the edge.
    (WIDTH - MARGIN) * (1.0 - share) + MARGIN / 2.0
}

fn y(time: f64, highest: f64) -> f64 {
    let room = HEIGHT - 2.0 * MARGIN;
    let share = if highest > 0.0 { time / highest } else { 0.0 };
    HEIGHT - MARGIN - room * share
}

/// The points in runs that may be joined.
fn runs(points: &[(f64, f64)], gap: f64) -> impl Iterator<Item = &[(f64, f64)]> {
    points.chunk_by(move |(one, _), (next, _)| next - one <= gap)
}

fn words(points: &[Point], times: &[(f64, f64)]) -> String {
    let failed = points.iter().filter(|point| point.failed).count();
    let failures = match failed {
        0 => "no failure".to_owned(),
        1 => "a failure in 1 half minute".to_owned(),
        count => format!("failures in {count} half minutes"),
    };
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(median), Some(most)) => format!(
            "In the last hour {} as a rule, {} at most, {failures}",
            millis(*median),
            millis(*most)
        ),
        _ => format!("In the last hour no connection succeeded, {failures}"),
    }
}

/// Milliseconds as people read them.
pub(super) fn millis(millis: f64) -> String {
    match millis {
        1000.0.. => format!("{:.1} s", millis / 1000.0),
        100.0.. => format!("{millis:.0} ms"),
        _ => format!("{millis:.1} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seconds_ago: u64, connect_ms: Option<f64>, failed: bool) -> Point {
        Point {
            seconds_ago,
            connect_ms,
            failed,
        }
    }

    #[test]
    fn nothing_to_draw_draws_nothing() {
        assert_eq!(Sparkline::draw(&[], 30.0), None);
    }

    #[test]
    fn times_are_joined_highest_on_top_and_failures_stand_on_the_ground() {
        let points = [
            point(60, Some(5.0), false),
            point(30, Some(10.0), true),
            point(0, Some(0.0), false),
        ];
        let drawn = Sparkline::draw(&points, 30.0).unwrap_or_default();
        assert_eq!(drawn.line, "M233.1,30.0L235.1,6.0L237.0,54.0");
        assert!(drawn.area.starts_with(&drawn.line) && drawn.area.ends_with('Z'));
        assert_eq!(drawn.failures, "M235.1,59.0v-9");
        assert_eq!(drawn.dots, "M237.0,54.0h0");
        assert_eq!(
            drawn.words,
            "In the last hour 5.0 ms as a rule, 10.0 ms at most, a failure in 1 half minute"
        );
    }

    #[test]
    fn gap_parts_the_line_and_a_point_alone_is_a_dot() {
        let points = [
            point(3000, Some(1.0), false),
            point(600, Some(1.0), false),
            point(570, Some(1.0), false),
        ];
        let drawn = Sparkline::draw(&points, 30.0).unwrap_or_default();
        assert_eq!(drawn.line.matches('M').count(), 1);
        assert_eq!(drawn.dots.matches('M').count(), 2);
        let wide = Sparkline::draw(&points, 1200.0).unwrap_or_default();
        assert_eq!(wide.line.matches('L').count(), 2);
    }

    #[test]
    fn hour_of_failures_has_marks_and_no_line() {
        let points = [point(30, None, true), point(0, None, true)];
        let drawn = Sparkline::draw(&points, 30.0).unwrap_or_default();
        assert!(drawn.line.is_empty() && drawn.dots.is_empty());
        assert_eq!(drawn.failures.matches('M').count(), 2);
        assert_eq!(
            drawn.words,
            "In the last hour no connection succeeded, failures in 2 half minutes"
        );
    }

    #[test]
    fn every_coordinate_lies_within_the_drawing() {
        let points: Vec<_> = (0..120)
            .rev()
            .map(|slot| point(slot * 30, Some(1e9), true))
            .collect();
        let drawn = Sparkline::draw(&points, 1.0).unwrap_or_default();
        let numbers = drawn.line.split(['M', 'L']).skip(1);
        for pair in numbers {
            let (x, y) = pair.split_once(',').unwrap_or_default();
            let (x, y): (f64, f64) = (x.parse().unwrap_or(-1.0), y.parse().unwrap_or(-1.0));
            assert!(
                (0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y),
                "{pair}"
            );
        }
    }

    #[test]
    fn times_are_written_as_people_read_them() {
        for (time, written) in [
            (0.24, "0.2 ms"),
            (12.34, "12.3 ms"),
            (123.4, "123 ms"),
            (2500.0, "2.5 s"),
        ] {
            assert_eq!(millis(time), written);
        }
    }
}
