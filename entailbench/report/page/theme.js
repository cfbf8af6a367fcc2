// The switch between light and dark. What the system prefers holds until the reader chooses; the choice is kept where
// the browser lets a file keep anything.
const themeButton = document.getElementById("theme");
const systemDark = matchMedia("(prefers-color-scheme: dark)");

const chosenTheme = () => {
  try { return localStorage.getItem("entailbench-theme"); } catch { return null; }
};

const showTheme = (theme) => {
  const dark = theme ? theme === "dark" : systemDark.matches;
  if (theme) document.documentElement.dataset.theme = theme;
  themeButton.textContent = dark ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", `${themeButton.textContent} theme`);
};

themeButton.addEventListener("click", () => {
  const theme = themeButton.textContent.toLowerCase();
  try { localStorage.setItem("entailbench-theme", theme); } catch { /* a file may not be allowed to */ }
  showTheme(theme);
});
systemDark.addEventListener("change", () => showTheme(document.documentElement.dataset.theme));
showTheme(["light", "dark"].includes(chosenTheme()) ? chosenTheme() : null);
