//! The loop of a fuzzer: takes an input, changes it, runs the target, keeps what reaches something new.
//!
//! A panic is a finding. What ends the process itself (a stack overflow) is found by `build/scripts/fuzz.mjs` in the file with
//! the input that was being run.

use super::coverage::Coverage;
use super::random::Random;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Stack of the thread that runs the inputs: little, so that recursion driven by input shows.
const STACK: usize = 256 * 1024;
/// Time that one input may take at most.
const MAX_INPUT_TIME: Duration = Duration::from_secs(2);

/// What a target does with an input; it panics where the program is wrong.
pub type Target = fn(&[u8]);

/// How long and from what: from the environment for `npm run fuzz`, else short and reproducible.
struct Plan {
    time: Duration,
    seed: u64,
    /// Whether the kept corpus is the beginning.
    from_corpus: bool,
    /// Where what is found is written; nothing is without it.
    output: Option<PathBuf>,
}

impl Plan {
    fn read() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let seconds = variable("MIRAGE_FUZZ_SECONDS").and_then(|text| text.parse().ok());
        Self {
            time: Duration::from_secs_f64(seconds.unwrap_or(0.7)),
            seed: variable("MIRAGE_FUZZ_SEED")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0x6d69_7261_6765),
            from_corpus: variable("MIRAGE_FUZZ_EMPTY").is_none(),
            output: variable("MIRAGE_FUZZ_OUTPUT").map(PathBuf::from),
        }
    }
}

/// Runs a target for the planned time; panics with the first finding.
pub fn run(name: &'static str, target: Target) {
    let plan = Plan::read();
    let thread = std::thread::Builder::new()
        .name(format!("fuzz-{name}"))
        .stack_size(STACK)
        .spawn(move || Campaign::new(name, target, plan).run())
        .expect("a thread");
    if let Err(found) = thread.join() {
        std::panic::resume_unwind(found);
    }
}

struct Campaign {
    name: &'static str,
    target: Target,
    plan: Plan,
    coverage: Coverage,
    corpus: Vec<Vec<u8>>,
    current: Option<File>,
}

impl Campaign {
    fn new(name: &'static str, target: Target, plan: Plan) -> Self {
        let current = plan.output.as_ref().map(|folder| {
            fs::create_dir_all(folder).expect("a folder for findings");
            File::create(folder.join(format!("{name}.current"))).expect("a file for the input")
        });
        Self {
            name,
            target,
            plan,
            coverage: Coverage::new(true),
            corpus: Vec::new(),
            current,
        }
    }

    fn run(mut self) {
        let begun = Instant::now();
        let mut random = Random::new(self.plan.seed);
        let kept = if self.plan.from_corpus {
            read_corpus(self.name)
        } else {
            Vec::new()
        };
        for input in kept {
            self.try_input(&input, begun, 0);
            self.corpus.push(input);
        }
        if self.corpus.is_empty() {
            self.corpus.push(Vec::new());
        }
        let mut runs = 0;
        while begun.elapsed() < self.plan.time {
            runs += 1;
            let mut input = self.corpus[random.below(self.corpus.len())].clone();
            let other = self.corpus[random.below(self.corpus.len())].clone();
            random.mutate(&mut input, &other);
            if self.try_input(&input, begun, runs) {
                self.corpus.push(input);
            }
        }
        self.report(runs, begun.elapsed());
    }

    /// Whether the input reached anything new.
    fn try_input(&mut self, input: &[u8], begun: Instant, runs: u64) -> bool {
        if let Some(file) = &self.current {
            let _ = file.set_len(input.len() as u64);
            let _ = file.write_all_at(input, 0);
        }
        let target = self.target;
        self.coverage.clear();
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| target(input)));
        let is_slow = started.elapsed() > MAX_INPUT_TIME;
        let is_new = self.coverage.is_new();
        if result.is_err() || is_slow {
            let what = if is_slow { "takes too long" } else { "panics" };
            let text = hex(input);
            if let Some(folder) = &self.plan.output {
                let _ = fs::write(folder.join(format!("{}.finding", self.name)), &text);
            }
            panic!(
                "{}: an input {what} after {runs} runs and {:.1} s: {text}",
                self.name,
                begun.elapsed().as_secs_f64()
            );
        }
        is_new
    }

    /// The shortest inputs that together pass every edge.
    fn essence(&mut self) -> Vec<Vec<u8>> {
        let mut inputs = std::mem::take(&mut self.corpus);
        inputs.sort_by_key(Vec::len);
        let mut passed = Coverage::new(false);
        inputs.retain(|input| {
            self.coverage.clear();
            (self.target)(input);
            passed.is_new()
        });
        inputs
    }

    fn report(mut self, runs: u64, time: Duration) {
        println!(
            "{}: {runs} inputs in {:.1} s, {} edges, {} inputs kept, seed {}",
            self.name,
            time.as_secs_f64(),
            self.coverage.edges(),
            self.corpus.len(),
            self.plan.seed
        );
        if let Some(folder) = self.plan.output.clone() {
            let lines: Vec<String> = self.essence().iter().map(|input| hex(input)).collect();
            let _ = fs::write(
                folder.join(format!("{}.txt", self.name)),
                lines.join("\n") + "\n",
            );
        }
    }
}

/// The kept inputs of a target: `native/corpus/NAME.txt`, one a line, in hexadecimal; lines that begin with # are comments.
fn read_corpus(name: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("corpus/{name}.txt"));
    let text = fs::read_to_string(&file).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| bytes_of(line).unwrap_or_else(|| panic!("{}: {line}", file.display())))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
