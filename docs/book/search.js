// Search without a server: every word must occur; a hit in a heading comes before a hit in the text.
(() => {
  const query = new URLSearchParams(location.search).get("q") || "";
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  document.getElementById("q").value = query;
  const found = [];
  if (words.length) {
    window.BOOK.forEach((section, at) => {
      const head = `${section.page} ${section.title}`.toLowerCase();
      const text = section.text.toLowerCase();
      if (!words.every((word) => head.includes(word) || text.includes(word))) return;
      const score = words.reduce((sum, word) => sum + (head.includes(word) ? 10 : 0) + Math.min(text.split(word).length - 1, 5), 0);
      found.push({ section, score, at });
    });
  }
  found.sort((a, b) => b.score - a.score || a.at - b.at);
  const list = document.getElementById("results");
  found.slice(0, 60).forEach(({ section }) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = section.href;
    link.textContent = section.title === section.page ? section.page : `${section.page}: ${section.title}`;
    const part = document.createElement("p");
    const start = Math.max(0, section.text.toLowerCase().indexOf(words[0]) - 60);
    part.textContent = (start ? "… " : "") + section.text.slice(start, start + 200) + " …";
    item.append(link, part);
    list.append(item);
  });
  const said = !words.length ? "Type a word into the search field above."
    : found.length ? `${found.length} ${found.length === 1 ? "place" : "places"} for “${query}”${found.length > 60 ? "; the best 60 are here" : ""}.`
    : `Nothing found for “${query}”. Try a shorter word, or only one.`;
  document.getElementById("said").textContent = said;
})();
