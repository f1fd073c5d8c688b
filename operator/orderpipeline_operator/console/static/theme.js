// Before anything is drawn, so that a page that is to be dark never flashes.
(() => {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  try {
    const chosen = localStorage.getItem('theme');
    if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system's choice holds.
  }
  const apply = () => root.classList.toggle('dark', root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);
  apply();
  system.addEventListener('change', apply);
  document.addEventListener('theme', apply); // what app.js's button sends
})();
