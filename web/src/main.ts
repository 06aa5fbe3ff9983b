import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { start_router } from "./lib/router.svelte";
import { start_session } from "./lib/session.svelte";
import { apply_theme } from "./lib/theme.svelte";

apply_theme();
start_router();
void start_session();
mount(App, { target: document.getElementById("app")! });
