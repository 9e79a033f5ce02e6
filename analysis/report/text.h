// The sentences and figures of a report, the same in every format.
#ifndef ROUTEBENCH_ANALYSIS_REPORT_TEXT_H_
#define ROUTEBENCH_ANALYSIS_REPORT_TEXT_H_

#include <string>

#include "analysis/report/model.h"

namespace routebench::report {

// "+12.3 %", "-45.0 %", "not delivered", "-" where there is none.
std::string ImprovementText(const Comparison& comparison);
// "-50.1 to -40.2 %"; "unbounded" where so few blocks cannot bound it.
std::string IntervalText(const Comparison& comparison);
// "better"; "exploratory"; with the note, if there is one.
std::string VerdictText(const Comparison& comparison);
// "12 of 12 blocks", "3 pairs".
std::string BlocksText(const CellReport& cell);
// What an invalid or lossy run leaves in the books: "offered 1,000, delivered 990 of 1,000; lost: 10
// expired".
std::string BooksText(const Books& books);
// What the figures by category are, and are not. Requires categories.
std::string CategoriesText(const CellReport& cell);
std::string ReadingText(const CellReport& cell);
// From verdicts only.
std::string RecommendationText(const Report& report);
// How to read the figures: signs, intervals, verdicts.
std::string MethodText();

}  // namespace routebench::report

#endif  // ROUTEBENCH_ANALYSIS_REPORT_TEXT_H_
