// One model in five forms. They format and never compute; the same model gives the same bytes.
#ifndef ROUTEBENCH_ANALYSIS_REPORT_RENDERERS_H_
#define ROUTEBENCH_ANALYSIS_REPORT_RENDERERS_H_

#include <string>

#include "analysis/report/model.h"

namespace routebench::report {

// p50, p99 and CPU per event of every cell, and the recommendation: the end of a terminal session.
std::string RenderTable(const Report& report);
std::string RenderMarkdown(const Report& report);
// One file that needs nothing else and loads nothing.
std::string RenderHtml(const Report& report);
// Schema routebench.report.v1; what is not known or not finite is null.
std::string RenderJson(const Report& report);
// A line for each metric of each cell; RFC 4180.
std::string RenderCsv(const Report& report);

}  // namespace routebench::report

#endif  // ROUTEBENCH_ANALYSIS_REPORT_RENDERERS_H_
