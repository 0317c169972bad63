/* peer-call: a video call from the command line. See options.c for what it can do. */
#include "demo.h"
#include "join.h"
#include "options.h"
#include "serve.h"

int main(int count, char **arguments)
{
    options_t options;
    if (!options_parse(&options, count, arguments))
        return STATUS_USAGE;
    switch (options.command) {
    case COMMAND_DEMO:
        return demo_run(&options);
    case COMMAND_SERVE:
        return serve_run(&options);
    case COMMAND_JOIN:
        return join_run(&options);
    case COMMAND_NONE:
        break;
    }
    return STATUS_CALL;
}
