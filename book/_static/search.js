/* How results of the search are ordered: chapters first, the reference of the package last, but for the very name of an entry. */
var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,

  score([page, shown, , , score]) {
    const query = (new URLSearchParams(location.search).get("q") || "").toLowerCase().trim();
    const title = shown.toLowerCase().replace(/^\d+\. /, "");
    if (page.endsWith("/glossary")) return Math.min(score, 20);
    if (title.split(".").pop() === query) return score + 20;
    const named = query.split(/[^\p{L}\p{N}]+/u).filter(word => word && title.includes(word)).length;
    const close = title.includes(query) ? 5 * query.length / title.length : 0;
    return score + 10 * named + close - (/^book\/(reference\/|changes|made|licences|ledger|coursework)/.test(page) ? 40 : 0);
  },
};
