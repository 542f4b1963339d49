// Runs before anything is painted, so that what the build left of the first drawing is right: in the theme that was
// chosen, and not where the address leads to something else.
{
  const { classList, dataset } = document.documentElement;
  classList.toggle("elsewhere", !["", "#", "#picture"].includes(location.hash));
  try {
    const theme = localStorage.getItem("hopscope.theme");
    if (theme === "light" || theme === "dark") dataset.theme = theme;
    // Somebody moved something here before, and is not told how.
    classList.toggle("met", localStorage.getItem("hopscope.met") !== null);
  } catch {
    // A browser that stores nothing has no other theme than the system's.
  }
}
